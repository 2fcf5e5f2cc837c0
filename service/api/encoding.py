"""Encode outputs as JSON, in rows."""

import asyncio
from collections.abc import Iterable
from itertools import repeat
from typing import Any, TypeAlias

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from realnet import FrameOutputs, TokenOutputs
from realnet.outputs import Level, OutputBatch, includes

PIECE = 256  # outputs encoded at once, about a millisecond of the loop's time


class Expected(msgspec.Struct, gc=False):
    token: int
    probability: float


class TokenOutput(msgspec.Struct, gc=False):
    """`predicted`, `probability` and `surprise` are about `token`, before it was seen; `next` is expected now.

    `predicted` is there if outputs `best` or `full` are asked for, `next` if `full` are; null is what nobody had asked
    for when the token came, so that it was not computed. `session` is there if it is of one.
    """

    tick: int
    token: int
    probability: float
    surprise: float
    predicted: int | UnsetType | None = UNSET
    next: list[Expected] | UnsetType | None = UNSET
    session: str | UnsetType = UNSET


class FrameOutput(msgspec.Struct, gc=False):
    """What the outputs said; `session` is there if it is of one."""

    tick: int
    values: list[float]
    session: str | UnsetType = UNSET


Output: TypeAlias = TokenOutput | FrameOutput


def structs(batch: OutputBatch, level: Level = "full", session: str | None = None) -> list[Output]:
    """Return outputs with what was asked for. About 3 microseconds each: call it for a few hundred at a time."""
    if level == "none":
        return []
    of = repeat(UNSET if session is None else session)
    if isinstance(batch, TokenOutputs):
        predicted: Iterable[Any] = repeat(UNSET)
        if includes(level, "best"):
            predicted = repeat(None) if batch.predicted is None else batch.predicted.tolist()
        following: Iterable[Any] = repeat(UNSET)
        if includes(level, "full"):
            following = repeat(None) if batch.next_token is None else _expected(batch)
        probability = np.exp2(-batch.surprise).tolist()
        columns = batch.tick.tolist(), batch.token.tolist(), probability, batch.surprise.tolist(), predicted, following
        return list(map(TokenOutput, *columns, of))
    assert isinstance(batch, FrameOutputs)
    return list(map(FrameOutput, batch.tick.tolist(), batch.values.tolist(), of))


def _expected(batch: TokenOutputs) -> Iterable[list[Expected]]:
    rows = zip(batch.next_token.tolist(), batch.next_probability.tolist(), strict=True)
    return (list(map(Expected, *row)) for row in rows)


def pieces(batches: Iterable[OutputBatch], level: Level = "full", session: str | None = None) -> Iterable[list[Output]]:
    """The same outputs in lists so small that the loop has time for others between them; at `none` no list."""
    if level == "none":
        return
    for batch in batches:
        for start in range(0, len(batch), PIECE):
            yield structs(batch[start : start + PIECE], level, session)


async def encode_outputs(pieces: Iterable[list[Output]]) -> bytes:
    """A JSON array. The loop does other things between two pieces."""
    encoded = []
    for piece in pieces:
        if piece:
            encoded.append(msgspec.json.encode(piece)[1:-1])
        await asyncio.sleep(0)
    return b"[%b]" % b",".join(encoded)


def outputs_schema(**others: Any) -> dict[str, Any]:
    """Of an object with `outputs` and these other properties."""
    names = ("TokenOutput", "FrameOutput")
    items = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]}
    properties = {**others, "outputs": {"type": "array", "items": items}}
    return {"type": "object", "properties": properties, "required": list(properties)}
