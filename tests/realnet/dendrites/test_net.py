"""What a net of dendrites keeps to, whatever it is told."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from realnet import Checkpoint, DendriteLearner, from_checkpoint
from realnet.core.dendrite_packing import unpacked
from realnet.dendrites.birth import LEAST_LINES, doubled
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.wiring import VARIANTS, Recall, Variant, Wiring
from tests.realnet.dendrites.test_law import PLAIN, stream

TEXT = b"".join(b"%d words are told to the net, and word %d is not the last.\n" % (i, i * i) for i in range(60))


def ids(text: bytes) -> NDArray[np.int32]:
    return np.frombuffer(text, np.uint8).astype(np.int32)


def whole_of(packed: Checkpoint) -> Checkpoint:
    """Return a checkpoint as the versions before made it, with all rows."""
    config = {name: value for name, value in packed.config.items() if name != "born"}
    return Checkpoint(config, dict(unpacked(packed.arrays)))


@pytest.fixture(scope="module")
def taught() -> DendriteNet:
    net = DendriteNet(VARIANTS["standard"], 256)
    net.run(ids(TEXT), 1.0)
    return net


def copy_of(net: DendriteNet, **others: Any) -> DendriteNet:
    copy = DendriteNet(net.wiring, net.symbols, net.max_lines)
    copy.take(net.arrays() | others)
    return copy


def same(one: DendriteNet, other: DendriteNet) -> bool:
    first, second = one.arrays(), other.arrays()
    return all(np.array_equal(first[name], second[name]) for name in first)


@settings(max_examples=5, deadline=None)
@given(cuts=st.lists(st.integers(0, len(TEXT)), max_size=40))
def test_many_calls_are_one_call_while_it_grows(taught: DendriteNet, cuts: list[int]) -> None:
    net = DendriteNet(taught.wiring, 256)
    for piece in np.split(ids(TEXT), sorted(cuts)):
        net.run(piece, 1.0, best=2)
    assert net.lines == taught.lines == 8 * LEAST_LINES
    assert same(net, taught)


@pytest.mark.parametrize(
    ("variant", "learnt"),
    [
        ("fast", "4a20f4864bf49f9c414dd9c6d7617ad4fac3d3240e612c77146931f788434136"),
        ("standard", "7cbb09c2312e7b714d1b3a6f96dce6ae198d3c5475b1ed5f74829af9452c579d"),
    ],
)
def test_what_is_learnt_is_what_earlier_versions_learnt(variant: Variant, learnt: str) -> None:
    learner = DendriteLearner.create(variant)
    learner.run(ids(TEXT), outputs="none")
    assert whole_of(learner.checkpoint()).weights_sha256() == learnt, "they kept whole arrays"


def test_twice_the_lines_say_the_same(taught: DendriteNet) -> None:
    grown = copy_of(taught, lines=doubled(taught.memory).lines)
    assert grown.lines == 2 * taught.lines
    told = ids(b"12 words are told to another net.")
    before, after = copy_of(taught).run(told, 0.0, 3), grown.run(told, 0.0, 3)
    for name, said in before._asdict().items():
        assert np.array_equal(said, getattr(after, name))


def test_a_full_net_forgets_and_goes_on() -> None:
    net = DendriteNet(VARIANTS["fast"], 256, max_lines=LEAST_LINES)
    said = net.run(ids(TEXT * 3), 1.0)
    assert net.lines == LEAST_LINES
    assert -np.log2(said.probability[-len(TEXT) :]).mean() < 1.0


@pytest.mark.parametrize("symbols", [2, 5, 16, 30])
def test_the_likeliest_are_those_that_the_net_believes(symbols: int) -> None:
    net = DendriteNet(PLAIN, symbols)
    net.run(stream(symbols, 200), 1.0)
    tokens, probabilities = net.expected(symbols)
    assert sorted(tokens.tolist()) == list(range(symbols))
    assert (np.diff(probabilities) <= 0).all()
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    for token, probability in zip(tokens[:9], probabilities, strict=False):
        assert net.fork().run(np.array([token]), 0.0).probability[0] == pytest.approx(probability, rel=1e-5)
    assert np.array_equal(net.expected(2)[0], tokens[:2])


def test_what_is_drawn_is_as_likely_as_is_said(taught: DendriteNet) -> None:
    net = taught.fork()
    net.run(ids(b"12 words are tol"), 0.0)
    tokens, probabilities = net.expected(3)
    random = np.random.default_rng(0)
    drawn = np.array([net.draw(1.0, random) for _ in range(400)])
    assert (drawn == tokens[0]).mean() == pytest.approx(probabilities[0], abs=0.08)
    assert (np.array([net.draw(0.01, random) for _ in range(20)]) == tokens[0]).all()


def test_reading_changes_nothing_but_the_mind(taught: DendriteNet) -> None:
    net = copy_of(taught)
    net.run(ids(b"read only"), 0.0)
    before, after = taught.arrays(), net.arrays()
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed <= {"text", "recent", "line_pair", "recalls", "record", "comings"}
    assert "text" in changed
    fork = taught.fork()
    fork.run(ids(b"read only"), 0.0, 1)
    with pytest.raises(ValueError, match="fork only reads"):
        fork.run(ids(b"learn"), 1.0)
    assert same(taught, copy_of(taught, **before))


def test_a_fork_sees_what_is_learnt_after_it() -> None:
    net = DendriteNet(PLAIN, 16)
    fork = net.fork()
    before = fork.fork().run(np.arange(8, dtype=np.int32), 0.0).probability
    for _ in range(300):
        net.run(np.arange(8, dtype=np.int32), 1.0)
    assert (fork.run(np.arange(8, dtype=np.int32), 0.0).probability[1:] > before[1:]).all()


def test_a_recall_goes_on_in_what_was_told_once() -> None:
    told = np.random.default_rng(0).integers(0, 256, 3000, dtype=np.int32)
    wiring = Wiring(("order 0",), (Recall(6, forgiving=False),), (("node", "recall 1"),), ("last",))
    net = DendriteNet(wiring, 256)
    net.run(told, 1.0)
    again = net.run(told, 1.0, best=1)
    assert (again.best[:-1, 0] == told)[100:].mean() > 0.99


def test_its_calibration_is_within_two_points() -> None:
    """ECE of the best token, in ten bins, over a text that it reads for the first time."""
    from benchmarks.text import topics_text

    tokens = ids(topics_text()[:40_000].encode())
    said = DendriteNet(VARIANTS["standard"], 256).run(tokens, 1.0, best=1)
    hit, p = said.best[10_000:-1, 0] == tokens[10_000:], said.value[10_000:-1, 0]
    where = np.minimum((10 * p).astype(int), 9)
    gaps = [abs(hit[where == k].mean() - p[where == k].mean()) * (where == k).mean() for k in set(where.tolist())]
    assert sum(gaps) <= 0.02


DAMAGE: list[tuple[str, Any, str]] = [
    ("lines", lambda a: a[:-2], "power of two"),
    ("lines", lambda a: np.vstack([a[1:], a[:1] + 1]), "last line"),
    ("reflex", lambda a: a + 1, "reflex has a number outside"),
    ("trust", lambda a: a * np.float32("nan"), "trust has a number outside"),
    ("gains", lambda a: a + np.float32("inf"), "gains has a number outside"),
    ("gain_uses", lambda a: a + np.uint16(9000), "gain_uses has a number outside"),
    ("map_uses", lambda a: a.astype(np.int64), "map_uses does not fit map_rows"),
    ("recalls", lambda a: a + np.uint64(2**40), "a recall has a"),
    ("text", lambda a: a[1:], "text is uint64"),
]


@pytest.mark.parametrize(("name", "damage", "told"), DAMAGE)
def test_arrays_that_would_lead_a_kernel_astray_are_refused(
    taught: DendriteNet, name: str, damage: Any, told: str
) -> None:
    net = copy_of(taught)
    with pytest.raises(ValueError, match=told):
        net.take(taught.arrays() | {name: damage(taught.arrays()[name])})
    assert same(net, taught)


def test_a_large_net_goes_on_from_its_checkpoint() -> None:
    learner = DendriteLearner.create("large")
    learner.run(ids(TEXT[:1000]), outputs="none")
    other = DendriteLearner.from_checkpoint(Checkpoint.from_bytes(learner.checkpoint().to_bytes()))
    for each in (learner, other):
        each.run(ids(TEXT[1000:2000]), outputs="none")
    assert other.checkpoint().state_sha256() == learner.checkpoint().state_sha256()
    assert other.checkpoint().weights_sha256() == learner.checkpoint().weights_sha256()
    del (checkpoint := learner.checkpoint()).arrays["belief"]
    with pytest.raises(ValueError, match="the array belief is missing"):
        from_checkpoint(checkpoint)


def test_a_checkpoint_of_another_wiring_is_none() -> None:
    learner = DendriteLearner.create("fast")
    checkpoint = learner.checkpoint()
    for name, value in (("wiring", {}), ("wiring", VARIANTS["standard"].to_json()), ("max_lines", 5), ("tick", None)):
        wrong = Checkpoint(checkpoint.config | {name: value}, checkpoint.arrays)
        with pytest.raises(ValueError, match="not a checkpoint of dendrites"):
            DendriteLearner.from_checkpoint(wrong)


def test_a_wiring_of_unknown_names_is_none() -> None:
    good: dict[str, Any] = {
        "contexts": ("order 1",),
        "recalls": (Recall(6, False),),
        "somata": (("node",),),
        "maps": ("last",),
    }
    for wrong, told in (
        ({"contexts": ("order 1", "moon")}, "no context 'moon'"),
        ({"contexts": ("order 2", "order 1")}, "which rise"),
        ({"contexts": ()}, "has contexts"),
        ({"somata": (("moon",),)}, "no gate 'moon'"),
        ({"somata": (("recall 2",),)}, "no gate 'recall 2'"),
        ({"recalls": ()}, "1 to 3 recalls"),
        ({"maps": ("moon",)}, "no map 'moon'"),
        ({"answers": 8}, "0 to 7 answers"),
        ({"mixes": ("last",)}, "gates that they have"),
        ({"mixes": ("node", "node")}, "gates that they have"),
    ):
        with pytest.raises(ValueError, match=told):
            Wiring(**good | wrong)
    with pytest.raises(ValueError, match="'word' is of bytes of text"):
        DendriteNet(VARIANTS["fast"], 300)
