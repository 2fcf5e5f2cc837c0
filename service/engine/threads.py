"""How many threads compute a net of `literal`: as many as are fastest here and now. The bits are the same for any."""

from typing import TypeGuard

from realnet import LiveNet

_LEAST_NEURONS = 512  # of a net to which a second thread may be worth its cost
_SLICES = 4  # that are timed with each number of threads, and that must be slow before they are timed again
_WORTH = 1.2  # times as fast, or the next number of threads is left to others
_DROPPED = 2.0  # times as slow as when it was timed


class Threads:
    """Times slices of ticks with 1, 2, 4 … threads, keeps what was fastest, and times again when the rate drops."""

    def __init__(self, cores: int) -> None:
        self._counts = [2**k for k in range(cores.bit_length()) if 2**k <= cores]
        self._begin()

    def _begin(self) -> None:
        self.now = 1
        self._seconds: dict[int, float] = {}  # of a tick, at best, by the number of threads
        self._left = self._counts[1:]
        self._timed, self._slow = 0, 0
        self._is_timing = bool(self._left)

    def apply(self, net: object) -> bool:
        """Have the net take as many threads as it should now. Returns whether it is a net that takes any."""
        if not takes_threads(net) or not _may_be_shared():
            return False
        if net.threads != self.now:
            net.use_threads(self.now)
        return True

    def took(self, ticks: int, seconds: float) -> None:
        """Learn from a slice how long a tick takes."""
        tick = seconds / max(1, ticks)
        if not self._is_timing:
            self._slow = self._slow + 1 if tick > _DROPPED * self._seconds.get(self.now, float("inf")) else 0
            if self._slow == _SLICES:
                self._begin()
            return
        self._seconds[self.now] = min(tick, self._seconds.get(self.now, tick))
        self._timed += 1
        if self._timed < _SLICES:
            return
        self._timed = 0
        if self._left:
            self.now = self._left.pop(0)
            return
        self._is_timing, self.now = False, 1
        for count in self._counts[1:]:
            if self._seconds[count] * _WORTH < self._seconds[self.now]:
                self.now = count


def takes_threads(net: object) -> TypeGuard[LiveNet]:
    """Return whether a net may be faster on several threads."""
    return isinstance(net, LiveNet) and net.takes_threads and net.num_neurons >= _LEAST_NEURONS


def _may_be_shared() -> bool:
    """Return whether several nets may use numba's threads at once; where only "workqueue" is, that ends the process."""
    from numba.np.ufunc.parallel import threading_layer

    try:
        return bool(threading_layer() != "workqueue")  # type: ignore[no-untyped-call]
    except ValueError:  # nothing has been warmed up
        return False


def warm_up(net: object, cores: int) -> None:
    """Compile what computes such a net on several threads."""
    if cores > 1 and takes_threads(net):
        tiny = LiveNet(3, [0, 1], [2], "literal", threads=2)
        tiny.run([[0.0, 1.0]])
        tiny.run_together([None], [[[0.0, 1.0]]])
