"""Look at what goes on in the net while it lives."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from realnet.client.http import Http
from realnet.client.models import Explanation


class Life(msgspec.Struct, frozen=True):
    """Points of the net's life, oldest first: means over `interval` tokens, at whose end it had seen `tokens`."""

    interval: int
    tokens: list[int]
    accuracy: list[float]
    surprise: list[float]


class Anchor(msgspec.Struct, frozen=True):
    """A program, and the bits a token of what it makes of the text."""

    name: str
    bits: float


class Anchors(msgspec.Struct, frozen=True):
    """What other programs make of the last `tokens` tokens that the net has learnt from."""

    tokens: int
    anchors: list[Anchor]


class DendriteActivity(msgspec.Struct, frozen=True, tag_field="kind", tag="dendrites"):
    """Of a net of dendrites: what each says of the likeliest token, and how far it is heard."""

    tick: int
    explanation: Explanation


class Firing(msgspec.Struct, frozen=True):
    """A tick, the neurons that fired at it, and how much each, in (0, 1]."""

    tick: int
    neurons: list[int]
    activity: list[float]


class NeuronActivity(msgspec.Struct, frozen=True, tag_field="kind", tag="neurons"):
    """Of any other net: which of its `neurons` fired at some of the last ticks, oldest first."""

    tick: int
    neurons: int
    firings: list[Firing]


Activity: TypeAlias = DendriteActivity | NeuronActivity


class ExpectedToken(msgspec.Struct, frozen=True):
    """A token, how it is written by itself, and how probable it is."""

    token: int
    text: str
    probability: float


class ExpectedTokens(msgspec.Struct, frozen=True):
    """The likeliest tokens after `tick`, best first."""

    tick: int
    next: list[ExpectedToken]


class Matrix(msgspec.Struct, frozen=True):
    """Weights seen from afar: `rows` x `columns` of them, in cells of which each is the strongest of its block."""

    what: Literal["synapses", "gains"]
    rows: int
    columns: int
    cells: list[list[float]]


class _TokenTexts(msgspec.Struct, frozen=True):
    texts: list[str]


class AsyncWatch:
    """What can be seen of the net of a server. Conflict is raised where a net has no such thing."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def history(self) -> Life:
        """Return accuracy and surprise over the net's life."""
        return await self._http.ask(Life, "GET", "/v1/net/history")

    async def anchors(self) -> Anchors:
        """Return what bzip2 and xz make of the text that the net has learnt from."""
        return await self._http.ask(Anchors, "GET", "/v1/net/anchors")

    async def activity(self) -> Activity:
        """Return which dendrites are heard now, or which neurons fired at the last ticks."""
        return await self._http.ask(Activity, "GET", "/v1/net/activity")  # type: ignore[arg-type]  # a union

    async def expected(self, session: str | None = None) -> ExpectedTokens:
        """Return the tokens that the net expects most now, or in a `session`."""
        return await self._http.ask(ExpectedTokens, "GET", "/v1/net/expected", query={"session": session})

    async def matrix(self) -> Matrix:
        """Return the weights of the net, seen from afar."""
        return await self._http.ask(Matrix, "GET", "/v1/net/matrix")

    async def token_texts(self, tokens: Sequence[int]) -> list[str]:
        """Return how tokens are written, each by itself; at most 256 at once."""
        found = await self._http.ask(_TokenTexts, "GET", "/v1/net/tokens", query={"id": list(tokens)})
        return found.texts
