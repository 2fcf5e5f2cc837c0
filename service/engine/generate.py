"""Ask the engine to generate, and what comes of it. Made on the event loop."""

import asyncio
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.tokens.outputs import ToldToken
from service.engine.commands import Command


class Piece(NamedTuple):
    """A few tokens that were generated, and, if that was asked for, what is told of them; or of some of the prompt."""

    tokens: list[int]
    told: list[ToldToken]


class Telling(NamedTuple):
    """What is to be told of each token: how probable it was, and the `top` likeliest there; perhaps of the prompt's."""

    top: int
    of_prompt: bool = False


@dataclass(slots=True, frozen=True)
class Generation:
    """What was generated; `tick` is where the net was forked."""

    tokens: list[int]
    tick: int
    finish_reason: Literal["length", "stop"]
    told: list[ToldToken] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Generate(Command[Generation]):
    """Tokens also come through `stream`, a few at a time, before the reply. Set `cancelled` to end it early.

    It also ends with the token that completes one of the `stops`, which are strings.
    """

    prompt: NDArray[np.int32]
    max_tokens: int
    temperature: float
    seed: int
    stream: "asyncio.Queue[Piece | None] | None" = None  # holds at most one for each token
    fresh: bool = False  # from nothing in mind
    adapts: bool = False  # to the prompt
    stops: tuple[str, ...] = ()
    telling: Telling | None = None
    link: str | None = None  # by whose net and this one
    session: str | None = None  # whose mind it goes on from
    cancelled: bool = False

    @property
    def ticks(self) -> int:
        """Return the ticks that it takes at most."""
        return len(self.prompt) + self.max_tokens
