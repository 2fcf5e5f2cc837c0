"""Make the message of outputs: in columns, so that no object is made for a token."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from realnet.outputs import Column, Level, OutputBatch, includes
from service.api.stream.protocol import Codec, OutputsMessage

_TOLD_OTHERWISE = frozenset({"tick", "probability"})  # by `first_tick`, and as 2 ** -surprise


def until_a_gap(batch: OutputBatch) -> OutputBatch:
    """Return the outputs before the first tick that does not follow the one before it."""
    if batch.tick[-1] - batch.tick[0] == len(batch) - 1:
        return batch
    return batch[: int(np.flatnonzero(np.diff(batch.tick) != 1)[0]) + 1]


def outputs_message(
    position: int,
    batch: OutputBatch,
    columns: Sequence[Column],
    level: Level,
    codec: Codec,
    session: str | None = None,
) -> OutputsMessage:
    """Return the message of outputs from `position` on whose ticks follow each other, with the columns of a level.

    A column that was not computed is null.
    """
    told: dict[str, Any] = {}
    for each in columns:
        if each.name not in _TOLD_OTHERWISE and includes(level, each.level):
            column = getattr(batch, each.name)
            told[each.name] = None if column is None else codec.column(column)
    if session is not None:
        told["session"] = session
    return OutputsMessage(position, int(batch.tick[0]), len(batch), **told)
