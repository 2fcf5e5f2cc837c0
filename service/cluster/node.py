"""This machine as a node of Ray: Ray's processes on it, which end with ours."""

import asyncio
import ctypes
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from threading import Event, Thread

from service.cluster.ray_shards import RayShards, own_address
from service.errors import Refused
from service.runtime.birth import CannotStart
from service.settings import Settings
from service.store.base import StoreError

_START_SECONDS = 120.0
_DRAIN_SECONDS = 12.0  # of the 20 that containers have to end
_END_SECONDS = 4.0
_PR_SET_PDEATHSIG = 1  # of prctl.h
# A node that does not answer is given up after some seconds. What Ray has by itself would take up to a minute.
_VARIABLES = {
    "RAY_worker_niceness": "0",  # else all that is not of Ray goes before the shards
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "4",
}
_STORE_BYTES = 80 * 2**20  # of Ray's objects, of which there are none: by itself it takes a third of the memory
_STARTED = b"Ray runtime started"
_logger = logging.getLogger(__name__)


class RayNode:
    """Ray's processes on this machine.

    Attributes:
        address: of the head of the cluster.
        failure: why Ray has ended here, if it has.
    """

    def __init__(self, address: str, arguments: Sequence[str]) -> None:
        """Start them, and return when they have begun. Raises CannotStart."""
        self.address = address
        self.failure: str | None = None
        command = [sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", "--block"]
        self._process = subprocess.Popen(
            [*command, "--disable-usage-stats", f"--object-store-memory={_STORE_BYTES}", *arguments],
            env=_VARIABLES | dict(os.environ) | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C is ours, who end it last
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
        self._said: list[str] = []
        self._has_begun, self._is_ending = Event(), False
        Thread(target=self._listen, name="ray", daemon=True).start()
        if not self._has_begun.wait(_START_SECONDS) or self._process.poll() is not None:
            self.end()
            errors = [line for line in self._said if "Error" in line] or [f"nothing within {_START_SECONDS:g} s"]
            raise CannotStart(f"Ray does not start here: {errors[-1]}")

    @classmethod
    def head(cls, port: int, own: str | None, resources: Sequence[str]) -> "RayNode":
        """Start the head of a new cluster. Raises CannotStart."""
        own = own or own_address()
        place = f"--head --port={port} --node-ip-address={own} --include-dashboard=false".split()
        return cls(f"{own}:{port}", [*place, *resources])

    @classmethod
    def joined(cls, address: str, own: str | None, resources: Sequence[str]) -> "RayNode":
        """Join the cluster whose head is at an address. Raises CannotStart."""
        place = [f"--address={address}", *([] if own is None else [f"--node-ip-address={own}"])]
        return cls(address, [*place, *resources])

    def leave(self, settings: Settings) -> None:
        """Have the shards that are here go to other nodes, if there are any, and end."""
        if self._process.poll() is None:
            draining = Thread(
                target=self._drain, args=(settings,), name="drain"
            )  # the server's loop still runs in ours
            draining.start()
            draining.join()
        self.end()

    def end(self) -> None:
        """End Ray's processes."""
        self._is_ending = True
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def wait(self) -> None:
        """Wait until Ray ends here."""
        self._process.wait()

    def _drain(self, settings: Settings) -> None:
        async def drain() -> None:
            async with asyncio.timeout(_DRAIN_SECONDS), RayShards.connected(settings, self.address) as shards:
                await shards.drain(shards.own_node)

        try:
            asyncio.run(drain())
        except (CannotStart, Refused, StoreError, TimeoutError) as error:
            _logger.warning("the shards of this node are started elsewhere once it is gone: %s", error)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said = [*self._said[-20:], line.decode(errors="replace").strip()]
            if _STARTED in line:
                self._has_begun.set()
        self._process.wait()
        if not self._is_ending:
            self.failure = "Ray has ended on this machine: its head is gone, or has given it up"
        self._has_begun.set()


def _end_with_parent() -> None:
    """Have the system end this process with the one that has started it, also where that is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
