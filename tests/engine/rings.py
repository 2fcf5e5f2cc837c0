"""Rings of outputs to read from."""

import numpy as np

from realnet import FrameOutputs, TokenOutputs
from realnet.interface import Interface
from realnet.outputs import Column, Level, includes
from service.api.encoding import Output, structs
from service.engine.output_ring import OutputRing


def frames(first: int, count: int, width: int = 2) -> FrameOutputs:
    ticks = np.arange(first, first + count)
    return FrameOutputs(ticks, np.repeat(ticks[:, None], width, axis=1).astype(np.float32))


def token_outputs(first: int, count: int, level: Level) -> TokenOutputs:
    ticks = np.arange(first, first + count)
    token, surprise = ticks.astype(np.int32), np.full(count, 2, np.float32)
    batch = TokenOutputs(ticks, token, surprise=surprise, probability=np.exp2(-surprise))
    if includes(level, "best"):
        batch.predicted = token + 1
    if includes(level, "full"):
        batch.next_token = np.tile(np.array([101, 97, 97, 97, 97], np.int32), (count, 1))
        batch.next_probability = np.tile(np.array([0.5, *[0.125] * 4], np.float32), (count, 1))
    return batch


def read(outputs: OutputRing, position: int, limit: int) -> tuple[list[Output], int, int]:
    """Read on, up to `limit`; where to go on, and what was lost at first."""
    batch, position, lost, _ = outputs.read(position, limit)
    rows: list[Output] = []
    while batch is not None:
        rows += structs(batch)
        batch, position, *_ = outputs.read(position, limit - len(rows))
    return rows, position, lost


def ring(kept: int, published: int = 0, width: int = 2) -> OutputRing:
    """Ticks 1 … `published`."""
    columns = Column("tick", np.int64), Column("values", np.float32, width)
    outputs = OutputRing(kept, Interface(1, width, None, 4, columns, idle_speaks=True))
    if published:
        outputs.append(frames(1, published))
    return outputs
