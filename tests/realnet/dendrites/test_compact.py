"""Compact nets: the kernel computes what the law says, all fits into what it was given, and it learns well there."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.text import topics_text
from realnet import Checkpoint, DendriteLearner
from realnet.core.compact import CompactMemory, tick
from realnet.core.dendrite_memory import Episodes
from realnet.core.dendrite_tables import tables
from realnet.dendrites.birth import rates
from realnet.dendrites.compact import CompactNet, compact_wiring
from realnet.dendrites.compression import compress
from realnet.dendrites.encoder import Encoder
from realnet.dendrites.reader import Reader
from realnet.dendrites.wiring import Wiring
from tests.realnet.dendrites.test_law import TEXT, stream

KB = 2**10
SIZES = [64 * KB, 256 * KB, 1024 * KB, 4096 * KB]


def ids(text: str) -> NDArray[np.int32]:
    return np.frombuffer(text.encode(), np.uint8).astype(np.int32)


def same(one: CompactNet, other: CompactNet) -> bool:
    first, second = one.arrays(), other.arrays()
    return all(np.array_equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def taught() -> DendriteLearner:
    learner = DendriteLearner.create("compact", memory=64 * KB)
    learner.run(ids("the dog lay by the door, and the cat sat on the mat. " * 60))
    return learner


# The law:


@pytest.mark.parametrize("symbols", [2, 3, 5, 37, 200, 256])
@pytest.mark.parametrize("rate", [1.0, 2.5])
def test_the_kernel_computes_what_the_law_says(symbols: int, rate: float) -> None:
    assert_as_the_law(compact_wiring(2**20).plain(), symbols, stream(symbols, 100), 2**20, rate)


@pytest.mark.parametrize("memory", SIZES)
def test_a_text_is_learnt_as_the_law_says(memory: int) -> None:
    assert_as_the_law(compact_wiring(memory), 256, np.frombuffer(TEXT, np.uint8).astype(np.int32), memory, 1.0)


def assert_as_the_law(wiring: Wiring, symbols: int, tokens: NDArray[np.int32], memory: int, rate: float) -> None:
    net = CompactNet(wiring, symbols, memory)
    newborn = net.arrays()
    said = net.run(tokens, rate)
    learnt = CompactMemory._make(newborn[name] for name in CompactMemory._fields)
    episodes = Episodes._make(newborn[name] for name in Episodes._fields)
    encoder = Encoder(wiring)
    stimuli = encoder.encode(tokens, encoder.nothing_read(), episodes, True)
    given = learnt, tables(), net.gates, rates(wiring)[0], stimuli
    expected = [tick(*given, t, int(token), symbols, rate) for t, token in enumerate(tokens)]
    assert said.probability.tolist() == expected
    for name, array in learnt._asdict().items():
        assert np.array_equal(net.arrays()[name], array), name
    read = [tick(*given, t, int(token), symbols, 0.0) for t, token in enumerate(tokens[:9])]
    assert all(0 < p < 1 for p in read)
    assert all(np.array_equal(net.arrays()[name], array) for name, array in learnt._asdict().items())


# The room, and what is learnt in it:


@pytest.mark.parametrize(("memory", "bits"), [*zip(SIZES, [2.05, 1.57, 1.50, 1.44], strict=True)])
def test_it_learns_a_text_in_the_room_that_it_has(memory: int, bits: float) -> None:
    learner = DendriteLearner.create("compact", memory=memory)
    born = learner.checkpoint()
    said = learner.run(ids(topics_text()[:60_000]), outputs="surprise")
    assert said.surprise is not None
    assert said.surprise[20_000:].mean() <= bits
    assert 0.99 * memory < learner.net.nbytes <= memory
    kept = sum(array.nbytes for name, array in learner.checkpoint().arrays.items() if name != "score")
    assert kept <= learner.net.nbytes
    assert {name: array.shape for name, array in learner.checkpoint().arrays.items()} == {
        name: array.shape for name, array in born.arrays.items()
    }


@pytest.mark.parametrize("memory", [64 * KB, 100_000, 3_000_001, 2**26])
def test_any_room_is_used_and_kept(memory: int) -> None:
    learner = DendriteLearner.create("compact", memory=memory, symbols=256)
    assert memory - 64 < learner.net.nbytes <= memory
    learner.run(stream(256, 500))
    assert learner.net.nbytes <= memory


# What holds for every net:


def test_many_calls_are_one_call(taught: DendriteLearner) -> None:
    text = ids("the cat lay on the mat by the door, and the dog sat on the cat. " * 3)
    one, many = (DendriteLearner.from_checkpoint(taught.checkpoint()) for _ in range(2))
    whole = one.run(text)
    pieces = [many.run(text[start:end]) for start, end in pairwise((0, 1, 7, 100, len(text)))]
    assert many.checkpoint().state_sha256() == one.checkpoint().state_sha256()
    for name in ("predicted", "surprise", "next_token", "next_probability"):
        assert np.array_equal(np.concatenate([getattr(piece, name) for piece in pieces]), getattr(whole, name)), name


def test_a_snapshot_goes_on_exactly(taught: DendriteLearner) -> None:
    again = DendriteLearner.from_checkpoint(Checkpoint.from_bytes(taught.checkpoint().to_bytes()))
    other = DendriteLearner.from_checkpoint(taught.checkpoint())
    assert again.checkpoint().state_sha256() == taught.checkpoint().state_sha256()
    text = ids("the dog sat by the mat. ")
    assert again.run(text).surprise.tolist() == other.run(text).surprise.tolist()
    assert again.checkpoint().weights_sha256() == other.checkpoint().weights_sha256()
    assert again.checkpoint().weights_sha256() != taught.checkpoint().weights_sha256()


@pytest.mark.parametrize(
    ("name", "array", "why"),
    [
        ("lines", np.zeros((5, 16), np.uint8), "lines is uint8"),
        ("gains", None, "gains is missing"),
        ("trust", np.full(64, 1.5, np.float32), "outside 0 to 1"),
    ],
)
def test_a_damaged_snapshot_is_none(
    taught: DendriteLearner, name: str, array: NDArray[np.generic] | None, why: str
) -> None:
    checkpoint = taught.checkpoint()
    arrays = {each: value for each, value in checkpoint.arrays.items() if each != name}
    with pytest.raises(ValueError, match=why):
        DendriteLearner.from_checkpoint(
            Checkpoint(checkpoint.config, arrays if array is None else arrays | {name: array})
        )


def test_it_goes_on_with_what_it_was_told_and_dreams_aside(taught: DendriteLearner) -> None:
    state = taught.checkpoint().state_sha256()
    prompt = ids("by the door, and the c")
    assert taught.vocabulary.decode(taught.generator(prompt, 0, 0, fresh=True).step(20)) == "at sat on the mat. t"
    assert taught.vocabulary.decode(taught.generator(prompt, 0.1, 7, fresh=True).step(20)) == "at sat on the mat. t"
    assert taught.checkpoint().state_sha256() == state
    dreamer = DendriteLearner.from_checkpoint(taught.checkpoint())
    mind = {name: array for name, array in dreamer.checkpoint().arrays.items() if name in Reader._fields}
    dreamer.dream(ids("a dream of something else. " * 20))
    assert dreamer.checkpoint().weights_sha256() != taught.checkpoint().weights_sha256()
    assert all(np.array_equal(dreamer.checkpoint().arrays[name], mind[name]) for name in mind)
    dreamt = dreamer.generator(ids("a dream of"), 0, 0, fresh=True).step(16)
    assert dreamer.vocabulary.decode(dreamt) == " something else."


def test_a_fork_reads_and_silence_changes_nothing(taught: DendriteLearner) -> None:
    before = taught.checkpoint()
    fork = taught.fork()
    fork.run(ids("read only"), 0.0)
    with pytest.raises(ValueError, match="fork only reads"):
        fork.run(ids("learn"))
    taught.idle(1000)
    after = taught.checkpoint()
    assert all(np.array_equal(after.arrays[name], array) for name, array in before.arrays.items())


@pytest.mark.parametrize("symbols", [2, 5, 30, 256])
def test_the_likeliest_are_those_that_the_net_believes(symbols: int) -> None:
    net = CompactNet(compact_wiring(2**16).plain(), symbols, 2**16)
    net.run(stream(symbols, 300), 1.0)
    tokens, probabilities = net.expected(symbols)
    assert sorted(tokens.tolist()) == list(range(symbols))
    assert (np.diff(probabilities) <= 0).all()
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    for token, probability in zip(tokens[:9], probabilities, strict=False):
        assert net.fork().run(np.array([token]), 0.0).probability[0] == pytest.approx(probability, rel=1e-5)
    assert np.array_equal(net.expected(2)[0], tokens[:2])
    assert net.expected(symbols + 2)[1][symbols:].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"variant": "compact"}, "how many bytes of memory"),
        ({"variant": "fast", "memory": 2**20}, "how many bytes of memory"),
        ({"variant": "compact", "memory": 60_000}, "must be from 65,536"),
        ({"variant": "compact", "memory": 2**27}, "must be from 65,536"),
        ({"variant": "compact", "memory": 2**20, "symbols": 300}, "2 to 256 symbols"),
    ],
)
def test_what_cannot_be_is_told(asked: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        DendriteLearner.create(**asked)  # type: ignore[arg-type]


def test_what_it_does_not_do_is_told(taught: DendriteLearner) -> None:
    with pytest.raises(ValueError, match="does not tell why"):
        taught.explain(ids("the c"))
    with pytest.raises(ValueError, match="codes no files"):
        compress(b"the cat", taught)
