"""Outputs as they are sent: pieces that those who are behind share, columns, and the form of the document."""

from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from realnet.client import connection
from realnet.learners import create
from realnet.outputs import Column, Level
from service.api.encoding import PIECE, FrameOutput, TokenOutput, pieces, structs
from service.api.stream import hub
from service.api.stream.columns import outputs_message
from service.api.stream.hub import StreamHub
from service.api.stream.protocol import CODECS, JSON, Codec
from service.engine.output_ring import OutputRing
from service.replica.progress import Progress, ProgressState
from service.settings import Settings
from tests.engine.rings import frames, ring, token_outputs

pytestmark = pytest.mark.anyio


def subscribed(outputs: OutputRing) -> StreamHub:
    engine = SimpleNamespace(progress=Progress.of(ProgressState()))
    columns = Column("tick", np.int64), Column("values", np.float32, 2)
    runtime: Any = SimpleNamespace(outputs=outputs, engine=engine, interface=SimpleNamespace(columns=columns))
    return StreamHub(runtime, Settings())


def ticks_of(encoded: bytes, codec: Codec) -> list[int]:
    message = codec.decode(encoded)
    return list(range(message["first_tick"], message["first_tick"] + message["count"]))


@pytest.mark.parametrize("codec", CODECS.values())
async def test_those_who_are_behind_by_different_amounts_share_pieces(codec: Codec, monkeypatch: Any) -> None:
    monkeypatch.setattr(hub, "PIECE", 256)
    outputs = ring(kept=3000, published=1000)
    streams = subscribed(outputs)
    for position in (0, 3, 255):
        encoded, following, lost = streams.piece(position, codec, "best")
        assert (ticks_of(encoded, codec), following, lost) == (list(range(position + 1, 257)), 256, 0)
    whole, following, _ = streams.piece(256, codec, "best")
    assert streams.piece(256, codec, "best")[0] is whole
    last, following, _ = streams.piece(768, codec, "best")
    assert following == 1000
    assert streams.piece(768, codec, "best")[0] is last
    outputs.append(frames(1001, 1))  # now there is more than what was shared
    assert len(ticks_of(streams.piece(768, codec, "best")[0], codec)) == 233


async def test_who_lost_outputs_goes_on_with_the_oldest() -> None:
    outputs, codec = ring(kept=800, published=1000), CODECS[JSON]
    streams = subscribed(outputs)
    start = outputs.start
    assert start > 0
    pieces = [streams.piece(position, codec, "best") for position in (0, 90)]
    assert pieces[0][0] is pieces[1][0]
    assert [lost for _, _, lost in pieces] == [start, start - 90]
    assert ticks_of(pieces[0][0], codec)[0] == start + 1
    assert outputs.lost == 2 * start - 90


async def test_after_a_restore_a_piece_begins_with_what_is_said_next() -> None:
    outputs, codec = ring(kept=1000, published=256), CODECS[JSON]
    streams = subscribed(outputs)
    outputs.clear()
    assert streams.piece(0, codec, "best") == (b"", 256, 256)
    outputs.append(frames(7, 1))
    encoded, following, lost = streams.piece(256, codec, "best")
    assert (ticks_of(encoded, codec), following, lost) == ([7], 257, 0)


async def test_a_message_ends_where_a_tick_is_missing() -> None:
    outputs, codec = ring(kept=1000, published=3), CODECS[JSON]
    outputs.append(frames(7, 2))
    streams = subscribed(outputs)
    first, following, _ = streams.piece(1, codec, "best")
    assert (ticks_of(first, codec), following) == ([2, 3], 3)
    assert ticks_of(streams.piece(3, codec, "best")[0], codec) == [7, 8]


async def test_outputs_have_the_form_of_the_document() -> None:
    batch = token_outputs(7, 1, "full")
    [output] = structs(batch)
    assert isinstance(output, TokenOutput)
    whole = {
        "tick": 7,
        "token": 7,
        "predicted": 8,
        "probability": 0.25,
        "surprise": 2.0,
        "next": [{"token": 101, "probability": 0.5}, *[{"token": 97, "probability": 0.125}] * 4],
    }
    assert msgspec.to_builtins(output) == whole
    assert structs(batch, "none") == []
    del whole["next"]
    assert msgspec.to_builtins(structs(batch, "best")) == [whole]
    assert msgspec.to_builtins(structs(token_outputs(7, 1, "best"))) == [whole | {"next": None}]
    del whole["predicted"]
    assert msgspec.to_builtins(structs(batch, "surprise")) == [whole]
    assert msgspec.to_builtins(structs(token_outputs(7, 1, "surprise"), "best")) == [whole | {"predicted": None}]
    [output] = structs(frames(3, 1))
    assert isinstance(output, FrameOutput)
    assert msgspec.to_builtins(output) == {"tick": 3, "values": [3.0, 3.0]}


async def test_many_outputs_come_in_pieces() -> None:
    lengths = [len(piece) for piece in pieces([frames(1, PIECE + 1), frames(PIECE + 2, 3)])]
    assert lengths == [PIECE, 1, 3]


@pytest.mark.parametrize("codec", CODECS.values())
async def test_a_message_has_the_columns_that_are_asked_for_and_null_for_what_was_not_computed(codec: Codec) -> None:
    def told(batch_level: Level, level: Level) -> dict[str, Any]:
        outputs.clear()
        outputs.append(token_outputs(1, 3, batch_level))
        batch, *_ = outputs.read(outputs.start, 10)
        assert batch is not None
        message = codec.decode(codec.encode(outputs_message(7, batch, interface.columns, level, codec)))
        connection._make_arrays_(message)
        return message

    interface = create(num_neurons=656).interface
    outputs = OutputRing(100, interface)
    full = told("full", "full")
    assert {name: each.tolist() for name, each in full.items() if isinstance(each, np.ndarray)} == {
        "tick": [1, 2, 3],
        "token": [1, 2, 3],
        "surprise": [2.0] * 3,
        "predicted": [2, 3, 4],
        "next_token": [[101, 97, 97, 97, 97]] * 3,
        "next_probability": [[0.5, *[0.125] * 4]] * 3,
    }
    common = {"type", "position", "first_tick", "count", "tick", "token", "surprise"}
    assert told("full", "surprise").keys() == common
    assert told("full", "best").keys() == common | {"predicted"}
    assert told("surprise", "best")["predicted"] is None
    assert told("best", "full")["next_probability"] is None
