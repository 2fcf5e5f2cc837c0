"""The kernel computes what the law says, bit for bit."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from realnet.core.dendrite_memory import Episodes, Memory
from realnet.core.dendrite_tables import tables
from realnet.core.dendrites import mix, tick
from realnet.core.hashing import mixed
from realnet.dendrites.birth import LEAST_LINES, newborn, rates
from realnet.dendrites.encoder import Encoder
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.wiring import VARIANTS, Recall, Wiring

PLAIN = Wiring(
    contexts=("order 0", "order 1", "order 2", "order 3", "skip"),
    recalls=(Recall(3, forgiving=False), Recall(5, forgiving=True)),
    somata=(("node", "recall 1", "last", "sure"), ("node", "expected", "last but one", "recall 2")),
    maps=("last", "last two", "expected"),
    beliefs=True,
    mixes=("recall 1", "last", "last but one"),
    slow=True,
    answers=3,
)
TEXT = b"One line, 12 words.\n\tA line_2 of 345 words; A line_2 of 345 words.\n" * 2


def stream(symbols: int, ticks: int) -> NDArray[np.int32]:
    """Tokens with enough order in them that recalls speak, runs go on, and both are disappointed."""
    random = np.random.default_rng(symbols)
    again = random.integers(0, symbols, 12)
    parts = [again if random.random() < 0.7 else random.integers(0, symbols, 5) for _ in range(ticks // 5)]
    return np.concatenate(parts)[:ticks].astype(np.int32)


@pytest.mark.parametrize("symbols", [2, 3, 5, 16, 37, 256, 3000])
@pytest.mark.parametrize("rate", [1.0, 2.5])
def test_the_kernel_computes_what_the_law_says(symbols: int, rate: float) -> None:
    assert_as_the_law(PLAIN, symbols, stream(symbols, 100), rate)


@pytest.mark.parametrize("variant", ["fast", "standard", "large"])
def test_a_text_is_learnt_as_the_law_says(variant: str) -> None:
    assert_as_the_law(VARIANTS[variant], 256, np.frombuffer(TEXT, np.uint8).astype(np.int32), 1.0)  # type: ignore[index]


def test_a_net_without_output_maps_learns_as_the_law_says() -> None:
    assert_as_the_law(replace(PLAIN, maps=()), 37, stream(37, 100), 1.0)


def assert_as_the_law(wiring: Wiring, symbols: int, tokens: NDArray[np.int32], rate: float) -> None:
    net = DendriteNet(wiring, symbols, max_lines=LEAST_LINES)
    said = net.run(tokens, rate)
    memory, recalls = newborn(wiring), len(wiring.recalls)
    encoder = Encoder(wiring)
    stimuli = encoder.encode(tokens, encoder.nothing_read(), Episodes.blank(recalls, symbols), True)
    given = memory, tables(), wiring.gates, rates(wiring), stimuli
    expected = [tick(*given, t, int(token), symbols, rate) for t, token in enumerate(tokens)]
    assert said.probability.tolist() == expected
    for name, array in memory._asdict().items():
        assert np.array_equal(getattr(net.memory, name), array), name


def test_the_law_reads_without_learning() -> None:
    wiring, tokens = PLAIN, stream(16, 60)
    net = DendriteNet(wiring, 16)
    net.run(tokens, 1.0)
    before = net.arrays()
    fork = net.fork()
    said = fork.run(tokens, 0.0)
    memory = Memory._make(each.copy() for each in net.memory)
    other = net.fork()
    stimuli = Encoder(wiring).encode(tokens, other._reader, other._mind.episodes, False)
    given = memory, tables(), wiring.gates, rates(wiring), stimuli
    assert said.probability.tolist() == [tick(*given, t, int(token), 16, 0.0) for t, token in enumerate(tokens)]
    for name, array in net.arrays().items():
        assert np.array_equal(array, before[name]), name


@pytest.mark.parametrize("wiring", [PLAIN, VARIANTS["standard"]], ids=["plain", "standard"])
def test_a_fork_adapts_as_the_law_says(wiring: Wiring) -> None:
    tokens, told = stream(256, 60), stream(256, 90)[::-1].copy()
    net = DendriteNet(wiring, 256)
    net.run(tokens, 1.0)
    before = net.arrays()
    memory, fork, other = Memory._make(each.copy() for each in net.memory), net.fork(True), net.fork(True)
    said = fork.run(told, 0.0)
    stimuli = Encoder(wiring).encode(told, other._reader, other._mind.episodes, True)
    given = memory, tables(), wiring.gates, rates(wiring), stimuli
    expected = [tick(*given, t, int(token), 256, 1.0, gains_only=True) for t, token in enumerate(told)]
    assert said.probability.tolist() == expected
    for name, array in memory._asdict().items():
        assert np.array_equal(getattr(fork.memory, name), array), name
    for name, array in net.arrays().items():
        assert np.array_equal(array, before[name]), name


def test_both_forms_of_the_hash_are_the_same() -> None:
    for h in (0, 1, 2**31, 2**63, 2**64 - 1, 0x1234_5678_9ABC_DEF0):
        assert int(mixed(np.uint64(h))) == mix(h)
