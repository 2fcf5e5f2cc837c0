"""Encode outputs as JSON."""

import asyncio
from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec

from realnet import FrameOutputs, TokenOutputs
from realnet.outputs import OutputBatch

PIECE = 256  # outputs encoded at once, about a millisecond of the loop's time


class Expected(msgspec.Struct, gc=False):
    token: int
    probability: float


class TokenOutput(msgspec.Struct, gc=False):
    """`predicted`, `probability` and `surprise` are about `token`, before it was seen; `next` is expected now."""

    tick: int
    token: int
    predicted: int
    probability: float
    surprise: float
    next: list[Expected]


class FrameOutput(msgspec.Struct, gc=False):
    tick: int
    values: list[float]


Output: TypeAlias = TokenOutput | FrameOutput


def structs(batch: OutputBatch) -> list[Output]:
    """About 3 microseconds each: call it for a few hundred at a time."""
    if isinstance(batch, TokenOutputs):
        expected = zip(batch.next_token.tolist(), batch.next_probability.tolist(), strict=True)
        return [
            TokenOutput(tick, token, predicted, probability, surprise, list(map(Expected, *following)))
            for tick, token, predicted, probability, surprise, following in zip(
                batch.tick.tolist(),
                batch.token.tolist(),
                batch.predicted.tolist(),
                batch.probability.tolist(),
                batch.surprise.tolist(),
                expected,
                strict=True,
            )
        ]
    assert isinstance(batch, FrameOutputs)
    return [FrameOutput(*each) for each in zip(batch.tick.tolist(), batch.values.tolist(), strict=True)]


def pieces(batches: Iterable[OutputBatch]) -> Iterable[list[Output]]:
    """The same outputs in lists so small that the loop has time for others between them."""
    for batch in batches:
        for start in range(0, len(batch), PIECE):
            yield structs(batch[start : start + PIECE])


async def encode_outputs(pieces: Iterable[list[Output]]) -> bytes:
    """A JSON array. The loop does other things between two pieces."""
    encoded = []
    for piece in pieces:
        encoded.append(msgspec.json.encode(piece)[1:-1])
        await asyncio.sleep(0)
    return b"[%b]" % b",".join(encoded)


def outputs_schema(**others: Any) -> dict[str, Any]:
    """Of an object with `outputs` and these other properties."""
    names = ("TokenOutput", "FrameOutput")
    items = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]}
    properties = {**others, "outputs": {"type": "array", "items": items}}
    return {"type": "object", "properties": properties, "required": list(properties)}
