"""The weights of the net, seen from afar."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from pydantic import BaseModel

from realnet import DendriteLearner, Float32, LiveNet
from realnet.dendrites.compact import CompactNet
from service.engine.clones import arrived
from service.engine.commands import Query
from service.engine.engine import Engine
from service.errors import Conflict
from service.journal.position import JournalPosition
from service.replica.replica import Replica

SIZE = 64  # rows and columns, at most

What: TypeAlias = Literal["synapses", "gains"]


class Matrix(BaseModel, frozen=True):
    """`rows` x `columns` weights in at most 64 x 64 cells.

    `synapses`: from each neuron (rows) into those that learn; a cell is the strongest weight, of either sign, of its
    block. `gains`, of a net of dendrites: of the rows of all gates the 64 that were used most, each with how far it has
    every input heard.
    """

    what: What
    rows: int
    columns: int
    cells: list[list[float]]


class Read(NamedTuple):
    """Weights, and of how many rows they are."""

    what: What
    rows: int
    weights: Callable[[], Float32]  # waits until they have come


@dataclass(slots=True, eq=False)
class ReadWeights(Query[Read | None]):
    def answer(self, replica: Replica, position: JournalPosition | None) -> Read | None:
        learner, net = replica.learner, replica.learner.net
        if isinstance(net, LiveNet):
            begun = net.begin_checkpoint()
            return Read("synapses", net.num_neurons, lambda: begun().state().stored_weights())
        if not isinstance(learner, DendriteLearner) or isinstance(net, CompactNet):
            return None
        memory = learner.net.memory
        uses, gains = memory.gain_uses.reshape(-1), memory.gains.reshape(-1, memory.gains.shape[-1])
        seen = gains[np.sort(np.argpartition(uses, -SIZE)[-SIZE:])]
        return Read("gains", len(gains), lambda: seen)


async def matrix_of(engine: Engine) -> Matrix:
    """Raises Conflict for a compact net."""
    read = await engine.ask(ReadWeights())
    if read is None:
        raise Conflict("a compact net does not show its weights")
    weights = await arrived(engine, read.weights)
    cells = await asyncio.to_thread(_seen_from_afar, weights)
    return Matrix(what=read.what, rows=read.rows, columns=weights.shape[1], cells=cells.round(3).tolist())


def _seen_from_afar(weights: Float32) -> Float32:
    for axis in (0, 1):
        length = weights.shape[axis]
        starts = np.unique(np.arange(SIZE) * length // SIZE)
        high, low = np.maximum.reduceat(weights, starts, axis), np.minimum.reduceat(weights, starts, axis)
        weights = np.where(high >= -low, high, low)
    return weights
