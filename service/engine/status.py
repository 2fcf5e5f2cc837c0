"""What anybody may know of the net: its shape, which stays, and its status, which the engine publishes."""

from dataclasses import dataclass
from typing import Any

from realnet import TokenLearner
from realnet.vocabulary import Vocabulary
from service.engine.pace import Mode
from service.replica.learner import Learner

FRAMES_REACH = 4


@dataclass(slots=True, frozen=True)
class Shape:
    """What can be told to the net, and how much it says."""

    inputs: int
    outputs: int
    vocabulary: Vocabulary | None  # None: it takes raw frames
    reach: int = FRAMES_REACH  # how many ticks before decide what it has in mind, all but a little

    @classmethod
    def of(cls, learner: Learner) -> "Shape":
        inputs, outputs = len(learner.net.input_ids), len(learner.net.output_ids)
        if isinstance(learner, TokenLearner):
            return cls(inputs, outputs, learner.vocabulary, learner.reach)
        return cls(inputs, outputs, None)

    def is_like(self, other: "Shape") -> bool:
        names = [each.vocabulary and each.vocabulary.name for each in (self, other)]
        return names[0] == names[1] and (self.inputs, self.outputs) == (other.inputs, other.outputs)


class TickRate:
    """Ticks computed a second, over about the last one."""

    def __init__(self, now: float) -> None:
        self._ticks, self._rate, self._since = 0, 0.0, now

    def count(self, ticks: int) -> None:
        self._ticks += ticks

    def per_second(self, now: float) -> float:
        if now - self._since >= 1.0:
            self._rate = self._ticks / (now - self._since)
            self._ticks, self._since = 0, now
        return self._rate


@dataclass(slots=True, frozen=True)
class Status:
    """As of the engine's last step."""

    mode: Mode
    preset: str
    neurons: int
    device: str
    kernel: str
    tick: int
    tokens_seen: int
    ticks_per_second: float
    accuracy: float | None
    surprise: float | None
    learning_rate: float
    plasticity: bool
    tick_hz: float
    generations: int
    changes: int  # grows with everything that a snapshot must not lose
    published_at: float  # monotonic seconds

    @classmethod
    def of(cls, learner: Learner, **others: Any) -> "Status":
        """With what the learner itself knows."""
        net = learner.net
        score = learner.score if isinstance(learner, TokenLearner) else None
        return cls(
            preset=net.preset,
            neurons=net.num_neurons,
            device=net.device,
            kernel=net.kernel,
            tick=net.tick,
            tokens_seen=learner.tokens_seen if isinstance(learner, TokenLearner) else 0,
            accuracy=score.accuracy if score else None,
            surprise=score.surprise if score else None,
            learning_rate=net.learning_rate,
            **others,
        )
