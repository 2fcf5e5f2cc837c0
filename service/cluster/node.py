"""This machine as a node of Ray: its processes, which end with ours."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from threading import Thread
from typing import Any

from service.cluster.ray_shards import connected_to
from service.runtime.birth import CannotStart
from service.settings import LOOPBACK

_START_SECONDS = 60.0
_END_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1  # of prctl.h
# A node that does not answer is given up after some 6 s. Ray's own defaults are made for nodes under heavy load, and
# would take up to a minute.
_HEALTH = {
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}


class RayNode:
    """Ray's processes on this machine.

    Attributes:
        address: of the cluster's head.
    """

    def __init__(self, arguments: list[str], address: str) -> None:
        self.address = address
        command = [sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", "--block"]
        self._process = subprocess.Popen(
            [*command, "--disable-usage-stats", *arguments],
            env=_HEALTH | dict(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C is for us, who end it last
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
        self._said: list[bytes] = []
        Thread(target=self._listen, name="ray", daemon=True).start()
