"""A net of dendrites that gets more room, more dendrites, or less room, in mid-life."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realnet import DendriteLearner, from_checkpoint
from realnet.dendrites.birth import LEAST_LINES
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.said import Said
from realnet.dendrites.text import CONTEXTS
from realnet.dendrites.wiring import VARIANTS, Recall, Wiring
from tests.realnet.dendrites.test_net import TEXT, copy_of, ids, same

MORE = ids(TEXT[:600][::-1])  # of which the net knows nothing
NEW = sorted(set(CONTEXTS) - set(VARIANTS["standard"].contexts))


@pytest.fixture(scope="module")
def taught() -> DendriteNet:
    net = DendriteNet(VARIANTS["standard"], 256, max_lines=2**14)
    net.run(ids(TEXT), 1.0)
    return net


def is_equal(one: Said, other: Said) -> bool:
    return all(np.array_equal(said, getattr(other, name)) for name, said in one._asdict().items())


@settings(max_examples=10, deadline=None)
@given(contexts=st.lists(st.sampled_from(NEW), max_size=4, unique=True), doublings=st.integers(0, 2))
def test_a_grown_net_says_the_same_to_the_bit(taught: DendriteNet, contexts: list[str], doublings: int) -> None:
    grown = copy_of(taught)
    grown.grow(taught.lines << doublings, contexts)
    assert is_equal(grown.fork().run(MORE, 0.0, 3), taught.fork().run(MORE, 0.0, 3))
    assert grown.lines == taught.lines << doublings
    assert grown.wiring.contexts == (*taught.wiring.contexts, *contexts)
    assert grown.tick == copy_of(taught).tick


def test_it_learns_by_what_it_has_taken_on() -> None:
    """A token depends on that eight before it, which no history of seven answers has, and sometimes on nothing."""
    random = np.random.default_rng(0)
    told = random.integers(0, 2, 4000)
    for k in range(8, len(told)):
        told[k] = (told[k - 8] ^ told[k - 1]) if random.random() < 0.9 else told[k]
    few = Wiring(("order 0",), (Recall(64, forgiving=False),), (("node",),), ("last",))
    stays, grows = DendriteNet(few, 2), DendriteNet(few, 2)
    for net in (stays, grows):
        net.run(told[:1000].astype(np.int32), 1.0)
    grows.grow(contexts=["order 8"])
    stays_at, falls_to = (
        -np.log2(net.run(told[1000:].astype(np.int32), 1.0).probability[1000:]).mean() for net in (stays, grows)
    )
    assert stays_at > 0.95
    assert falls_to < 0.5


def test_an_order_that_is_taken_on_later_is_that_which_others_are_born_with(taught: DendriteNet) -> None:
    grown = DendriteNet(Wiring(("order 3",), taught.wiring.recalls, taught.wiring.somata, taught.wiring.maps), 256)
    grown.grow(contexts=["order 1", "order 4"])
    born = DendriteNet(VARIANTS["standard"], 256)
    for net in (grown, born):
        net.run(ids(TEXT[:50]), 1.0)
    orders = [born.wiring.contexts.index(each) for each in ("order 3", "order 1", "order 4")]
    assert np.array_equal(grown.stimuli().contexts[0], born.stimuli().contexts[0, orders])


def test_a_grown_net_comes_back_from_a_checkpoint_and_goes_on_the_same() -> None:
    learner = DendriteLearner.create("fast", LEAST_LINES)
    learner.run(ids(TEXT[:1000]))
    learner.net.grow(2 * LEAST_LINES, ["order 5", "kinds"])
    learner.run(ids(TEXT[1000:1200]))
    back = from_checkpoint(learner.checkpoint())
    assert isinstance(back, DendriteLearner)
    assert back.net.max_lines == 2 * LEAST_LINES
    for each in (learner, back):
        each.run(MORE)
    assert same(learner.net, back.net)


def test_a_smaller_net_keeps_what_was_used_most(taught: DendriteNet) -> None:
    small = copy_of(taught)
    small.shrink(LEAST_LINES)
    assert small.lines == small.max_lines == LEAST_LINES
    assert small.memory.used[0] == np.count_nonzero(small.memory.lines[:, 0])
    newborn = DendriteNet(taught.wiring, 256, LEAST_LINES)
    known, here, nothing = (
        -np.log2(net.fork().run(ids(TEXT[-1000:]), 0.0).probability).mean() for net in (taught, small, newborn)
    )
    assert known <= here < nothing / 2
    uses = [net.memory.lines[:-1, 1] >> 24 for net in (taught, small)]
    assert np.sort(uses[1])[-100:].sum() >= 0.9 * np.sort(uses[0])[-100:].sum()


def test_shrinking_to_what_is_in_use_loses_nothing() -> None:
    net = DendriteNet(VARIANTS["fast"], 256, max_lines=2**14)
    net.run(ids(TEXT[:200]), 1.0)
    before = net.fork().run(MORE, 0.0, 2)
    net.grow(2**14)
    net.shrink(LEAST_LINES)
    assert is_equal(net.fork().run(MORE, 0.0, 2), before)


@pytest.mark.parametrize(
    ("lines", "contexts", "why"),
    [
        (5000, [], "lines is 5000, must be a power of two from"),
        (LEAST_LINES, [], "must be a power of two from 16384"),
        (2**23, [], "must be a power of two from"),
        (None, ["word"], "'word' is one of its contexts already"),
        (None, ["skip", "skip"], "contexts"),
        (None, ["gossip"], "there is no context 'gossip'"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(
    taught: DendriteNet, lines: int | None, contexts: list[str], why: str
) -> None:
    net = copy_of(taught)
    with pytest.raises(ValueError, match=why):
        net.grow(lines, contexts)
    assert same(net, taught)
    assert net.wiring == taught.wiring


def test_other_tokens_take_on_no_contexts_of_text_and_forks_none_at_all(taught: DendriteNet) -> None:
    with pytest.raises(ValueError, match="is of bytes of text, and there are 300 symbols"):
        DendriteNet(VARIANTS["fast"].plain(), 300).grow(contexts=["word"])
    with pytest.raises(ValueError, match="fork only reads"):
        taught.fork().grow(2**15)
    with pytest.raises(ValueError, match="fork only reads"):
        taught.fork().shrink(LEAST_LINES)
