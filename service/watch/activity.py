"""What goes on in the net now: which dendrites are heard, or which neurons fire."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from pydantic import BaseModel

from realnet import DendriteLearner, LiveNet
from realnet.dendrites.compact import CompactNet
from realnet.dendrites.explain import Explanation
from service.engine.commands import Query
from service.engine.engine import Engine
from service.engine.firings import Firing, Firings
from service.errors import Conflict
from service.journal.position import JournalPosition
from service.replica.replica import Replica


class DendriteActivity(BaseModel, frozen=True):
    """Of a net of dendrites: what each says of the likeliest token, and how far it is heard."""

    kind: Literal["dendrites"] = "dendrites"
    tick: int
    explanation: Explanation


class NeuronActivity(BaseModel, frozen=True):
    """Of any other net: which neurons fired at some of the last ticks, oldest first, at most 128 of each tick.

    While somebody asks, the net is looked at up to 20 times a second, and 48 ticks are kept.
    """

    kind: Literal["neurons"] = "neurons"
    tick: int
    neurons: int
    firings: list[Firing]


Activity: TypeAlias = DendriteActivity | NeuronActivity


@dataclass(slots=True, eq=False)
class ReadActivity(Query[Activity | None]):
    firings: Firings

    def answer(self, replica: Replica, position: JournalPosition | None) -> Activity | None:
        learner, net = replica.learner, replica.learner.net
        if isinstance(net, LiveNet):
            return NeuronActivity(tick=net.tick, neurons=net.num_neurons, firings=self.firings.asked(replica))
        if not isinstance(learner, DendriteLearner) or isinstance(net, CompactNet):
            return None
        return DendriteActivity(tick=net.tick, explanation=learner.explain(np.empty(0, np.int32), fresh=False))


async def activity_of(engine: Engine) -> Activity:
    """Raises Conflict for a compact net."""
    activity = await engine.ask(ReadActivity(engine.firings))
    if activity is None:
        raise Conflict("a compact net does not tell what goes on in it")
    return activity
