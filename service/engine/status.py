"""What anybody may know of the net while it lives: the engine publishes it after every step."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from realnet.dendrites.net import DendriteNet
from service.engine.outbox import Outbox
from service.engine.output_ring import OutputRing
from service.engine.pace import Mode, Pace
from service.replica.replica import Horizon, Replica


class TickRate:
    """Ticks computed a second, over about the last one."""

    def __init__(self, now: float) -> None:
        self.total = 0  # since the start
        self._ticks, self._rate, self._since = 0, 0.0, now

    def count(self, ticks: int) -> None:
        self.total += ticks
        self._ticks += ticks

    def per_second(self, now: float) -> float:
        if now - self._since >= 1.0:
            self._rate = self._ticks / (now - self._since)
            self._ticks, self._since = 0, now
        return self._rate


@dataclass(slots=True)  # to make one that is frozen takes three times as long, and one is made for every step
class Status:
    """The net as of the engine's last step, which nobody changes.

    `learning_rate` and `plasticity` are those of inputs taken from now on.
    """

    mode: Mode
    preset: str
    neurons: int
    lines: int | None  # of memory, and how many there may be; None of a net without dendrites
    max_lines: int | None
    contexts: tuple[str, ...] | None
    device: str
    kernel: str
    tick: int
    tokens_seen: int
    ticks_computed: int  # since the start
    ticks_per_second: float
    accuracy: float | None
    surprise: float | None
    learning_rate: float
    plasticity: bool
    tick_hz: float
    generations: int
    changes: int  # grows with everything that a snapshot must not lose
    record: int  # of the journal: the last that was applied
    published_at: float  # monotonic seconds


class StatusBoard:
    """Written by the engine's thread, read by any.

    On the loop `on_mode` is called when the mode has changed, and `on_ticks` once `ticks_due` were computed since the
    start, which is then never again.
    """

    def __init__(self, outbox: Outbox, outputs: OutputRing, replica: Replica, pace: Pace) -> None:
        self.on_mode: list[Callable[[Mode], None]] = []
        self.on_ticks: Callable[[], None] = lambda: None
        self.ticks_due = inf
        self.rate = TickRate(time.monotonic())
        self._outbox = outbox
        self._outputs = outputs
        self._replica = replica
        self._pace = pace
        self._announced = 0  # outputs
        self.status = self._read(replica.horizon, 0, 0)

    def publish(self, horizon: Horizon, generations: int, record: int) -> None:
        """Replace the status, and wake the loop if there is anything for it."""
        before = self.status.mode
        self.status = status = self._read(horizon, generations, record)
        if status.mode is not before:
            for listener in self.on_mode:
                self._outbox.call_listener(listener, status.mode)
        if self.rate.total >= self.ticks_due:
            self.ticks_due = inf
            self._outbox.call_soon(self.on_ticks)
        if not self._outbox.is_empty or self._announced != self._outputs.end:
            self._announced = self._outputs.end
            self._outbox.flush()

    def _read(self, horizon: Horizon, generations: int, record: int) -> Status:
        learner, now = self._replica.learner, time.monotonic()
        tree = learner.net if isinstance(learner.net, DendriteNet) else None
        return Status(
            mode=self._pace.mode,
            preset=learner.net.preset,
            neurons=learner.net.num_neurons,
            lines=None if tree is None else tree.lines,
            max_lines=None if tree is None else tree.max_lines or tree.lines,
            contexts=None if tree is None else tree.wiring.contexts,
            device=learner.net.device,
            kernel=learner.net.kernel,
            tick=learner.net.tick,
            tokens_seen=learner.tokens_seen,
            ticks_computed=self.rate.total,
            ticks_per_second=self.rate.per_second(now),
            accuracy=learner.score.accuracy,
            surprise=learner.score.surprise,
            learning_rate=horizon.learning_rate,
            plasticity=horizon.plasticity,
            tick_hz=self._pace.tick_hz,
            generations=generations,
            changes=self._replica.changes,
            record=record,
            published_at=now,
        )
