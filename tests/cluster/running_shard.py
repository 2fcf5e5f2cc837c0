"""Servers of shards without Ray: on a thread of the test process, or in a process of their own."""

from pathlib import Path

from service.cluster.server import build_shard, run
from service.cluster.shards import shard_of
from tests.forked_server import become
from tests.running_server import ProcessServer, ThreadServer, forks

COUNT = 2  # of the shards in tests


class ThreadShard(ThreadServer):
    """One shard of `cluster_shards`, on a thread."""

    def __init__(self, directory: Path, shard: int, **settings: object) -> None:
        super().__init__(directory, **settings)
        self._log_path = directory / f"shard-{shard}.log"
        self._build = lambda settings: build_shard(settings, shard, settings.cluster_shards)


class ProcessShard(ProcessServer):
    """One shard of `cluster_shards`, in a process of its own."""

    def __init__(self, directory: Path, shard: int, **settings: object) -> None:
        super().__init__(directory, **settings)
        self._log_path = directory / f"shard-{shard}.log"
        self._shard = shard

    def launch(self) -> None:
        self.process = forks.Process(target=_serve, args=(self._environment, self._log_path, self._shard))
        self.process.start()


def _serve(environment: dict[str, str], log: Path, shard: int) -> None:
    become(environment, log)
    run(shard)


def name_in(shard: int, count: int, nth: int = 0) -> str:
    """Return the name of a net that falls into a shard, another for each `nth`."""
    fitting = (name for number in range(10_000) if shard_of(name := f"net-{number}", count) == shard)
    for _ in range(nth):
        next(fitting)
    return next(fitting)
