"""Ray nodes on this machine, which may be killed and frozen with all of their processes."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ray.cluster_utils import Cluster

# A node that does not answer is given up after some seconds, not a minute; and actors are no background tasks.
_CONFIG = {
    "worker_niceness": 0,
    "health_check_initial_delay_ms": 2000,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 4,
}
_STORE_BYTES = 80 * 2**20  # of Ray's objects, of which there are none


class Nodes:
    """A head, on which no shard is placed, and nodes beside it."""

    def __init__(self, count: int) -> None:
        head = {"num_cpus": 0, "include_dashboard": False, "_system_config": _CONFIG}
        head |= {"object_store_memory": _STORE_BYTES}
        # What Ray does at an exit it would register on the main thread only, from which none is added.
        self._cluster = Cluster(initialize_head=True, head_node_args=head, shutdown_at_exit=False)
        self.address = str(self._cluster.address)
        self.nodes = [self.add() for _ in range(count)]

    def add(self, gpus: int = 0) -> Any:
        """Add a node, with GPUs that Ray reckons with, whether they are there or not."""
        return self._cluster.add_node(num_cpus=2, num_gpus=gpus, object_store_memory=_STORE_BYTES)

    def send(self, node: Any, sign: signal.Signals) -> None:
        """Send a signal to all processes of a node."""
        raylet = node.all_processes["raylet"][0].process.pid
        for process in (raylet, *_descendants(raylet)):
            with_process(process, sign)

    def replace(self, node: Any) -> None:
        """Have another node in the place of one that is gone."""
        self._cluster.remove_node(node, allow_graceful=False)
        self.nodes[self.nodes.index(node)] = self.add()

    def close(self) -> None:
        self._cluster.shutdown()


@contextmanager
def nodes(count: int) -> Iterator[Nodes]:
    """Have a Ray of so many nodes, and a head, until the end of the block."""
    made = Nodes(count)
    try:
        yield made
    finally:
        made.close()


def with_process(process: int, sign: signal.Signals) -> None:
    """Send a signal to a process, if it is there."""
    try:
        os.kill(process, sign)
    except ProcessLookupError:
        return


def _descendants(process: int) -> list[int]:
    try:
        children = [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except FileNotFoundError:
        return []
    return [each for child in children for each in (child, *_descendants(child))]
