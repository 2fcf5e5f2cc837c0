"""A gateway without Ray, on a thread of the test process."""

from pathlib import Path

from service.cluster.gateway import create_gateway_app
from service.cluster.shards import RedisShards
from service.server.run import build
from tests.running_server import ThreadServer


class ThreadGateway(ThreadServer):
    """A gateway to the shards that the Redis of its settings knows."""

    def __init__(self, directory: Path, **settings: object) -> None:
        super().__init__(directory, **settings)
        self._log_path = directory / f"gateway-{self.port}.log"
        self._build = lambda settings: build(
            settings,
            create_gateway_app(settings, RedisShards(settings.store, settings.cluster_shards, settings.nets_wait)),
        )
