"""Generation by two nets that are heard as one: each reads what both have said, and neither learns from it."""

import asyncio

import numpy as np

from realnet import DendriteLearner
from realnet.core.state import Float32
from realnet.tokens.ids import Tokens
from service.engine.engine import Engine
from service.engine.generate import Generate, Generation, Piece
from service.engine.opinions import ForkToSpeak, ReadOn
from service.errors import Conflict
from service.links.link import Link
from service.links.messages import pieces


async def generated(command: Generate, link: Link, engine: Engine) -> Generation:
    """Generate token by token; a caller who wants a stream is told each. Raises Refused."""
    forked = await engine.ask(ForkToSpeak(command.fresh, command.session))
    if isinstance(forked, str):
        raise Conflict(forked)
    fork, in_mind = forked
    random, tokens = np.random.default_rng(command.seed), list[int]()
    tick, own, others = fork.net.tick, command.prompt, np.concatenate([in_mind, command.prompt])
    connection = link.connection()
    await connection.open()
    try:
        while len(tokens) < command.max_tokens and not command.cancelled:
            expected = await asyncio.gather(_read(fork, own, engine), connection.next_of(others))
            temperature = command.temperature or 1.0
            probability = link.mixture.expected(*expected, temperature)
            if command.temperature == 0:
                token = int(probability.argmax())
            else:
                token = int(random.choice(len(probability), p=probability / probability.sum()))
            tokens.append(token)
            if command.stream is not None:
                command.stream.put_nowait(Piece([token], []))
            own = others = np.array([token], np.int32)
    finally:
        await connection.close()
    return Generation(tokens, tick, "length")


async def _read(fork: DendriteLearner, ids: Tokens, engine: Engine) -> Float32:
    """Have a fork read tokens, some at a time, and return what it expects of the next."""
    *before, last = pieces(ids)
    for each in before:
        await engine.ask(ReadOn(fork, each))
    return await engine.ask(ReadOn(fork, last))
