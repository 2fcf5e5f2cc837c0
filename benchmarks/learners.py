"""Every learner of the table: the presets, and their peers."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks import peers
from realnet import DendriteLearner, TokenLearner
from realnet.core.state import PRESETS
from realnet.dendrites.wiring import VARIANTS

SLOW = 50_000  # bytes of the longest stream for learners that take more than 100 microseconds a byte


@dataclass(frozen=True)
class Row:
    """One learner, or program, on one stream. None is what it does not say.

    Attributes:
        bits: a byte, over the whole stream.
        accuracy: the share of bytes that were predicted.
        second_half: the same of the second half alone.
        per_second: bytes a second of one core, with nothing asked for but bits.
        with_best: the same with the likeliest byte searched for each.
    """

    stream: str
    bytes: int
    learner: str
    bits: float | None = None
    accuracy: float | None = None
    second_half: float | None = None
    per_second: float | None = None
    with_best: float | None = None


Learn = Callable[[str, bytes], Row]
Learner = TokenLearner | DendriteLearner


def learners(with_peers: bool) -> dict[str, tuple[Learn, bool]]:
    """Return by its name what runs each learner, and whether it is slow."""
    found: dict[str, tuple[Learn, bool]] = {}
    for variant in reversed(VARIANTS):
        name = f"dendrites, {variant}"
        found[name] = _ours(name, partial(DendriteLearner.create, variant)), False
    for preset in reversed(PRESETS):
        found[preset] = _ours(preset, partial(TokenLearner.create, preset)), preset == "literal"
    if with_peers:
        for order in (1, 2, 3, 5):
            found[f"n-gram, order {order}"] = _peer(f"n-gram, order {order}", partial(peers.n_gram, order=order)), False
        found["ESN 500, RLS"] = _peer("ESN 500, RLS", peers.echo_state_network), True
        found["GRU 128, Adam"] = _peer("GRU 128, Adam", peers.gru), True
    return found


def _ours(name: str, create: Callable[[], Learner]) -> Learn:
    def run(stream: str, data: bytes) -> Row:
        create().warm_up()
        tokens, learner, again = np.frombuffer(data, np.uint8), create(), create()
        began = time.process_time()
        learner.run(tokens, outputs="surprise")
        between = time.process_time()
        outputs = again.run(tokens, outputs="best")
        speeds = len(data) / (between - began), len(data) / (time.process_time() - between)
        return _row(stream, data, name, outputs.hits, outputs.surprise, *speeds)

    return run


def _peer(name: str, learn: Callable[[bytes], peers.Hits | tuple[peers.Hits, peers.Bits]]) -> Learn:
    def run(stream: str, data: bytes) -> Row:
        began = time.process_time()
        said = learn(data)
        hits, bits = said if isinstance(said, tuple) else (said, None)
        return _row(stream, data, name, hits, bits, None, len(data) / (time.process_time() - began))

    return run


def _row(
    stream: str,
    data: bytes,
    name: str,
    hits: peers.Hits,
    bits: peers.Bits | None,
    per_second: float | None,
    with_best: float,
) -> Row:
    mean = None if bits is None else float(bits.mean(dtype=np.float64))
    shares = float(hits.mean()), float(hits[len(hits) // 2 :].mean())
    return Row(stream, len(data), name, mean, *shares, per_second, with_best)
