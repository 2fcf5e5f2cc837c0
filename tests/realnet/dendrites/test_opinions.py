"""Two nets of dendrites that are heard as one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realnet import DendriteLearner
from realnet.dendrites.opinions import Decided, Mixture, Speaker, opinions_of, recent_of
from realnet.tokens.ids import Tokens
from tests.realnet.dendrites.test_net import TEXT, ids

KNOWN = ids(TEXT)


@pytest.fixture(scope="module")
def lived() -> DendriteLearner:
    learner = DendriteLearner.create()
    learner.run(KNOWN, outputs="none")
    return learner


def listening(learner: DendriteLearner) -> list[Decided]:
    decided = list[Decided]()
    learner.on_decided = lambda ids, one: decided.append(Decided(ids, one))
    return decided


def own(learner: DendriteLearner, tokens: Tokens) -> Decided:
    """Have a learner live the tokens, and return what it expected of them."""
    decided = listening(learner)
    learner.run(tokens, outputs="none")
    return Decided(np.concatenate([each.ids for each in decided]), np.concatenate([each.one for each in decided]))


@settings(max_examples=20, deadline=None)
@given(symbols=st.integers(2, 40), told=st.lists(st.integers(0, 10**6), min_size=1, max_size=60))
def test_decisions_are_those_of_the_tokens_probability(symbols: int, told: list[int]) -> None:
    learner, tokens = DendriteLearner.create(symbols=symbols), np.array(told, np.int32) % symbols
    decided, depth = listening(learner), (symbols - 1).bit_length()
    for token in tokens:
        by_node = learner.net.decisions()
        said = learner.run([token], plasticity=0, outputs="surprise")  # as long as nothing is learnt
        leaf = int(token) | 1 << depth
        one, answers = by_node[[leaf >> k for k in range(depth, 0, -1)]], [leaf >> k & 1 for k in range(depth)][::-1]
        np.testing.assert_array_equal(decided.pop().one[0], one)
        is_certain = [((leaf >> k + 1) * 2 + 1 << k) - (1 << depth) >= symbols for k in range(depth)][::-1]
        p = np.where(is_certain, 1, np.where(answers, one, 1 - one)).prod()
        assert -np.log2(p) == pytest.approx(said.surprise[0], abs=1e-4)
        learner.run([token], outputs="none")
        decided.clear()


def test_who_speaks_learns_nothing_and_says_the_same_in_pieces(lived: DendriteLearner) -> None:
    before = lived.checkpoint().to_bytes()
    at_once, in_pieces = Speaker(lived), Speaker(lived)
    tokens = KNOWN[:300][::-1].copy()
    whole = at_once.hear(lived, tokens)
    pieces = [in_pieces.hear(lived, tokens[i : i + 7]) for i in range(0, len(tokens), 7)]
    np.testing.assert_array_equal(whole, np.concatenate(pieces))
    np.testing.assert_array_equal(at_once.expects(), in_pieces.expects())
    assert lived.checkpoint().to_bytes() == before


def test_who_listens_learns_the_same(lived: DendriteLearner) -> None:
    alone, linked, tokens = DendriteLearner.create(), DendriteLearner.create(), KNOWN[:500]
    alone.run(tokens, outputs="none")
    mixture = Mixture(linked)
    mixture.learn(own(linked, tokens), Speaker(lived).hear(lived, tokens))
    assert linked.checkpoint().to_bytes() == alone.checkpoint().to_bytes()


def test_a_newborn_knows_what_the_other_knows_from_the_first_token_on(lived: DendriteLearner) -> None:
    newborn, tokens = DendriteLearner.create(), KNOWN[-600:]
    mixture = Mixture(newborn)
    decided, opinions = own(newborn, tokens), Speaker(lived).hear(lived, tokens)
    own_bits, _, both = -np.log2(mixture.learn(decided, opinions)).mean(axis=1)
    assert both < 0.6 * own_bits
    assert mixture.gains[1] > mixture.gains[0]


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_whatever_the_other_says_it_cannot_harm_for_long(lived: DendriteLearner, seed: int) -> None:
    learner = DendriteLearner.from_checkpoint(lived.checkpoint())
    tokens, random = KNOWN[:2000], np.random.default_rng(seed)
    mixture, decided = Mixture(learner), own(learner, tokens)
    noise = random.integers(-128, 128, decided.one.shape).astype(np.int8)
    alone, _, bits = -np.log2(mixture.learn(decided, noise))
    assert np.isfinite(bits).all()
    assert bits[1000:].mean() < alone[1000:].mean() + 0.1
    assert np.isfinite(mixture.gains).all()


@pytest.mark.parametrize("symbols", [2, 5, 256, 300])
def test_what_both_expect_is_what_is_learnt_from(symbols: int) -> None:
    mine, other = DendriteLearner.create(symbols=symbols), DendriteLearner.create(symbols=symbols)
    tokens = np.arange(200, dtype=np.int32) ** 2 % symbols
    other.run(tokens, outputs="none")
    speaker, mixture = Speaker(other), Mixture(mine)
    for token in tokens[:100]:
        one = np.array([token], np.int32)
        expected = mixture.expected(mine.net.decisions(), speaker.expects())
        assert expected.sum() == pytest.approx(1)
        [learnt] = mixture.learn(own(mine, one), speaker.hear(other, one))[2]
        assert learnt == pytest.approx(expected[token], rel=0.2)  # it learns at each decision of a token
    assert expected.argmax() == token


def test_a_speaker_goes_on_with_what_the_net_has_become() -> None:
    learner = DendriteLearner.create()
    learner.run(KNOWN[:200], outputs="none")
    speaker = Speaker(learner)
    learner.net.grow(learner.net.lines * 2)
    learner.run(KNOWN, outputs="none")
    decided = Decided(KNOWN[:500], np.full((500, 8), 0.5, np.float32))
    told = [each.hear(learner, decided.ids) for each in (speaker, Speaker(learner))]
    bits = [-np.log2(Mixture(learner).learn(decided, each)[1]).mean() for each in told]
    assert bits[0] == pytest.approx(bits[1])


def test_what_is_in_mind_is_the_last_tokens() -> None:
    learner = DendriteLearner.create()
    assert recent_of(learner).tolist() == []
    learner.run(KNOWN[:700], outputs="none")
    np.testing.assert_array_equal(recent_of(learner), KNOWN[188:700])


def test_opinions_travel_in_steps_of_a_quarter() -> None:
    one = np.array([0.0, 0.5, 1.0, 0.7310586, 0.2689414], np.float32)
    assert opinions_of(one).tolist() == [-46, 0, 46, 4, -4]


def test_what_cannot_be_linked_says_so() -> None:
    for learner, why in (
        (DendriteLearner.create("compact", memory=2**16), "compact"),
        (DendriteLearner.create(symbols=5000), "4096"),
    ):
        for make in (Speaker, Mixture):
            with pytest.raises(ValueError, match=why):
                make(learner)
