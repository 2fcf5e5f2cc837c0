"""How time passes without inputs: what is due, and the mode. It is told the time, and never asks for it."""

from dataclasses import dataclass
from enum import StrEnum

PATIENCE_SECONDS = 1.0  # the engine looks up at least this often, so that its health is seen
_BURST = 64  # ticks computed at once after the engine was late: no storm follows a long pause


class Mode(StrEnum):
    AWAKE = "awake"  #: frames are coming, or ticks are computed without
    RESTING = "resting"  #: the state stands still, ticks are only counted
    DREAMING = "dreaming"  #: a job has it live through episodes; beside that ticks are those of frames
    PAUSED = "paused"  #: asked for; no ticks


@dataclass(slots=True)
class Pace:
    """Ticks without input, at `tick_hz`: the first `rest_after` are computed, those after them only counted."""

    tick_hz: float
    rest_after: int = 0
    free_run: bool = False
    paused: bool = False
    dreaming: bool = False
    _idle: int = 0  # ticks since the last frame
    _last: float = 0.0  # when the last tick was

    def frame(self, now: float) -> None:
        """Note that inputs were run until `now`."""
        self._idle = 0
        self._last = now

    def due(self, now: float) -> tuple[int, int]:
        """Return how many ticks without input are to be computed, and how many then only counted."""
        if self.paused or self.dreaming:
            self._last = now
            return 0, 0
        ticks = max(0, int((now - self._last) * self.tick_hz))
        if ticks == 0:
            return 0, 0
        self._last = min(now, self._last + ticks / self.tick_hz)
        computed = ticks if self.free_run else min(ticks, max(0, self.rest_after - self._idle))
        self._idle += ticks
        return min(computed, _BURST), ticks - computed

    def change(
        self, now: float, *, tick_hz: float | None = None, paused: bool | None = None, dreaming: bool | None = None
    ) -> None:
        """Change what is given; None leaves a thing as it is."""
        self._last = now
        self.tick_hz = self.tick_hz if tick_hz is None else tick_hz
        self.paused = self.paused if paused is None else paused
        self.dreaming = self.dreaming if dreaming is None else dreaming

    @property
    def mode(self) -> Mode:
        if self.paused:
            return Mode.PAUSED
        if self.dreaming:
            return Mode.DREAMING
        return Mode.AWAKE if self.free_run or self._idle <= self.rest_after else Mode.RESTING

    @property
    def only_counts(self) -> bool:
        """Return whether no tick is computed before the next frame."""
        return self.mode is not Mode.AWAKE or (not self.free_run and self._idle >= self.rest_after)

    def patience(self, now: float) -> float:
        """Return for how many seconds nothing is due."""
        if self.mode is not Mode.AWAKE:  # ticks that are only counted can be counted later
            return PATIENCE_SECONDS
        return min(PATIENCE_SECONDS, max(0.0, self._last + 1 / self.tick_hz - now))
