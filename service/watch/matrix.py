"""The weights of the net, seen from afar."""

import asyncio
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from pydantic import BaseModel

from realnet import DendriteLearner, Float32, LiveNet
from realnet.dendrites.compact import CompactNet
from service.engine.commands import Query
from service.engine.engine import Engine
from service.errors import Conflict
from service.journal.position import JournalPosition
from service.replica.replica import Replica

SIZE = 64  # rows and columns, at most

What: TypeAlias = Literal["synapses", "gains"]


class Matrix(BaseModel, frozen=True):
    """`rows` x `columns` weights in at most 64 x 64 cells, each the strongest weight (of either sign) of its block.

    `synapses`: from each neuron (rows) into those that learn. `gains`, of a net of dendrites: of each row of the first
    gate, by which it hears each of its inputs.
    """

    what: What
    rows: int
    columns: int
    cells: list[list[float]]


@dataclass(slots=True, eq=False)
class ReadWeights(Query[tuple[What, Float32] | None]):
    def answer(self, replica: Replica, position: JournalPosition | None) -> tuple[What, Float32] | None:
        learner, net = replica.learner, replica.learner.net
        if isinstance(net, LiveNet):
            return "synapses", net.checkpoint().state().stored_weights()
        if not isinstance(learner, DendriteLearner) or isinstance(net, CompactNet):
            return None
        return "gains", learner.net.memory.gains[0].copy()


async def matrix_of(engine: Engine) -> Matrix:
    """Raises Conflict for a compact net."""
    read = await engine.ask(ReadWeights())
    if read is None:
        raise Conflict("a compact net does not show its weights")
    what, weights = read
    cells = await asyncio.to_thread(lambda: _seen_from_afar(weights))
    return Matrix(what=what, rows=weights.shape[0], columns=weights.shape[1], cells=cells.round(3).tolist())


def _seen_from_afar(weights: Float32) -> Float32:
    for axis in (0, 1):
        length = weights.shape[axis]
        starts = np.unique(np.arange(SIZE) * length // SIZE)
        high, low = np.maximum.reduceat(weights, starts, axis), np.minimum.reduceat(weights, starts, axis)
        weights = np.where(high >= -low, high, low)
    return weights
