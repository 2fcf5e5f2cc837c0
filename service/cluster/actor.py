"""The process of a shard, as Ray has it: an actor that serves HTTP, and ends itself when its server has ended."""

import os
import threading
import time
from typing import Any

import ray

_AGAIN_SECONDS = 2.0  # until a server that could not start is started again
_LOOK_SECONDS = 1.0
_DRAIN_SECONDS = 15.0  # for a server that is told to end; then the process ends anyhow


class ShardActor:
    """One shard. Ray restarts it, here or on another node, whenever its process ends.

    The settings are those of whoever made it, but for the address, which is the node's.
    """

    def __init__(self, given: dict[str, Any], shard: int, count: int) -> None:
        self._given, self._shard, self._count = given, shard, count
        self._server: Any = None
        if not given.get("cluster_gpus"):
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # some versions of Ray leave all of a machine's to be seen
        threading.Thread(target=self._live, name="shard", daemon=True).start()
        threading.Thread(target=self._end_with_node, args=(os.getppid(),), name="end with node", daemon=True).start()

    def drain(self) -> None:
        """End in order, for another process to go on: streams are told to come again, and nets are saved."""
        threading.Timer(_DRAIN_SECONDS, os._exit, [1]).start()
        if self._server is None:
            os._exit(0)
        self._server.should_exit = True

    def _end_with_node(self, raylet: int) -> None:
        """End in order once Ray's process of this node, whose child this is, is gone: else it might stay for good."""
        while os.getppid() == raylet:
            time.sleep(_LOOK_SECONDS)
        self.drain()

    def _live(self) -> None:
        """Serve, and end the process then. Where that cannot begin (Redis is gone), try again for as long as it takes.

        A process that ends by itself is restarted by Ray; one that ends by Ray's own means is not.
        """
        try:
            while not self._serve():
                time.sleep(_AGAIN_SECONDS)
        finally:
            os._exit(1)

    def _serve(self) -> bool:
        """Serve until told to end; return False where that could not begin."""
        from service.cluster.server import build_shard  # not at the top: Ray makes actors of it where nothing is served
        from service.runtime.birth import CannotStart
        from service.server.run import prepare
        from service.settings import Settings

        address = ray.util.get_node_ip_address()
        given = self._given | {"host": address, "port": 0, "advertise": None}
        node = ray.get_runtime_context().get_node_id()
        try:
            settings = Settings(_env_prefix="NO_SETTING_", **given)
            prepare(settings)
            self._server, listener = build_shard(settings, self._shard, self._count, node)
        except (OSError, ValueError, CannotStart) as error:
            print(f"realnet: {error}", flush=True)
            return False
        why = self._server.serve_on(listener)
        if why is not None:
            print(f"realnet: {why}", flush=True)
        return bool(self._server.started)
