"""Measure sessions: `python -m benchmarks.sessions`.

First what they cost: an engine, without a journal, is handed messages of 100 tokens that are of 1 to 256 sessions in
turn, or of none. Tokens a second are of processor time of the whole process, the best of three.

Then sessions of a net of `literal`, of 1,024 and 2,048 neurons: 1 to 16 clients, each with a session of its own, send
messages of 20 tokens, and of one, and wait for each. Tokens a second as before; `taskset -c 0` keeps it to one thread.

Then what they are for: eight texts (stretches of the documentation) come in turn, so many tokens of each at a time, to
a net that knows nothing: in one stream, and with a session for each; and one text after the other. Bits are of all
tokens.
"""

import asyncio
import time
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from benchmarks.text import topics_text
from realnet import DendriteLearner, TokenLearner
from realnet.inputs import Input
from service.engine.commands import Run
from service.engine.engine import Engine
from service.engine.inbox import Inbox
from service.engine.output_ring import OutputRing
from service.engine.pace import Pace
from service.journal.records import InputRecord, SessionInputRecord, packed_tokens
from service.replica.entry import Entry
from service.replica.replica import Replica

_SESSIONS = (1, 2, 8, 64, 256)
_MESSAGE, _MESSAGES, _TIMES = 100, 2048, 3
_LITERAL, _CLIENTS = ((1024, 4800), (2048, 1600)), (1, 2, 4, 8, 16)  # neurons, and tokens in all
_TEXTS, _STRETCH, _TURNS = 8, 40_000, (20, 200, 2000)


async def _speed(tokens: NDArray[np.int32], sessions: int) -> float:
    learner = DendriteLearner.create()
    learner.warm_up()
    inbox = Inbox(len(tokens), 1)
    engine = Engine(
        replica=Replica(learner), inbox=inbox, outputs=OutputRing(10_000, learner.interface), pace=Pace(0.001)
    )
    engine.start()
    names = cycle([f"session {number}" for number in range(sessions)] or [None])
    parts = np.split(tokens, len(tokens) // _MESSAGE)
    runs = [Run(Input(tokens=part), session=name) for part, name in zip(parts, names, strict=False)]
    began = time.process_time()
    await asyncio.gather(*(engine.ask(run) for run in runs))
    took = time.process_time() - began
    await engine.stop()
    return len(tokens) / took


async def _literal_speed(neurons: int, clients: int, message: int, tokens: int) -> float:
    learner = TokenLearner.create("literal", neurons)
    learner.warm_up()
    inbox, outputs = Inbox(2**16, 1), OutputRing(10_000, learner.interface)
    engine = Engine(replica=Replica(learner), inbox=inbox, outputs=outputs, pace=Pace(0.001))
    engine.start()
    messages = tokens // (clients * message)
    heard = np.frombuffer(topics_text().encode(), np.uint8).astype(np.int32)[: clients * messages * message]

    async def talk(name: str, told: NDArray[np.int32]) -> None:
        for each in np.split(told, messages):
            await engine.ask(Run(Input(tokens=each), session=name))

    began = time.process_time()
    await asyncio.gather(*(talk(f"client {number}", told) for number, told in enumerate(np.split(heard, clients))))
    took = time.process_time() - began
    await engine.stop()
    return len(heard) / took


def _bits(told: list[tuple[str | None, NDArray[np.int32]]]) -> float:
    replica, bits, count = Replica(DendriteLearner.create()), 0.0, 0
    for session, tokens in told:
        what = (replica.learner.net.tick, 1.0, len(tokens), packed_tokens(tokens))
        record = InputRecord(*what) if session is None else SessionInputRecord(*what, session=session)
        said = replica.apply([(Entry.of_record(1, record, replica.learner.interface), len(tokens))], "surprise")
        bits += float(said.surprise.sum(dtype=np.float64))  # type: ignore[union-attr]  # of tokens
        count += len(tokens)
    return bits / count


def main() -> None:
    text = np.frombuffer(topics_text().encode(), np.uint8).astype(np.int32)
    heard = text[: _MESSAGE * _MESSAGES]
    for sessions in (0, *_SESSIONS):
        speed = max(asyncio.run(_speed(heard, sessions)) for _ in range(_TIMES))
        print(f"{sessions or 'no':>3} sessions: {speed:,.0f} tokens a second", flush=True)
    for neurons, tokens in _LITERAL:
        for message in (20, 1):
            for clients in _CLIENTS:
                given = neurons, clients, message, tokens
                speed = max(asyncio.run(_literal_speed(*given)) for _ in range(_TIMES))
                what = f"literal, {neurons:,} neurons, {clients:>2} clients, messages of {message}"
                print(f"{what}: {speed:,.0f} tokens a second", flush=True)
    texts = [text[number * _STRETCH :][:_STRETCH] for number in range(_TEXTS)]
    for turn in _TURNS:
        cut = [np.split(each, _STRETCH // turn) for each in texts]
        in_turn = [(str(number), each[at]) for at in range(_STRETCH // turn) for number, each in enumerate(cut)]
        one, several = _bits([(None, tokens) for _, tokens in in_turn]), _bits(list(in_turn))
        print(f"turns of {turn}: one stream {one:.3f}, {_TEXTS} sessions {several:.3f} bits a token", flush=True)
    print(f"one text after the other: {_bits([(None, each) for each in texts]):.3f} bits a token")


if __name__ == "__main__":
    main()
