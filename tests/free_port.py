"""Ports that stay free until a test's server takes them."""

import os
import socket
from collections.abc import Iterator
from itertools import cycle

_WORKERS = 16  # more than there will ever be
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
# Below the ports that the kernel gives to outgoing connections, which would else take a port between its choice and
# its use; each worker of the tests has its own, and comes back to one only after all others.
_ports = range(20_000 + _worker, 32_000, _WORKERS)
_first = os.getpid() % len(_ports)  # elsewhere than another run of the tests on this machine
_candidates: Iterator[int] = cycle([*_ports[_first:], *_ports[:_first]])


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens, another one in each call."""
    return next(port for port in _candidates if _is_free(port))


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
