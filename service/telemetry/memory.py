"""How much memory this process takes, and how much more it may."""

import os
from pathlib import Path

_STATM, _MEMINFO = Path("/proc/self/statm"), Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")  # of a container


def resident_bytes() -> int | None:
    """Return the bytes of this process that are in memory; None where the system does not tell (it is not Linux)."""
    try:
        pages = int(_STATM.read_bytes().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def free_bytes() -> int | None:
    """Return how many more bytes the machine has, and a container may take; None where the system does not tell."""
    try:
        lines = (line.split() for line in _MEMINFO.read_text().splitlines())
        free = 1024 * int(next(words[1] for words in lines if words[0] == "MemAvailable:"))
    except (OSError, StopIteration):
        return None
    try:
        most, taken = ((_GROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return free
    return free if most == "max" else min(free, int(most) - int(taken))
