"""What a net of dendrites finds in its sleep, and what becomes of it when it wakes."""

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from realnet import Checkpoint, DendriteLearner
from realnet.dendrites.candidates import candidates
from realnet.dendrites.search import Search, newborn_beside, search
from realnet.dendrites.wiring import VARIANTS, Wiring

POOR = Wiring(("order 0",), VARIANTS["fast"].recalls, VARIANTS["fast"].somata, VARIANTS["fast"].maps)


def a_log(lines: int, seed: int) -> NDArray[np.int32]:
    chance = random.Random(seed)
    text = "".join(
        f"{10 * i:06d} {chance.choice(['INFO', 'WARN'])} node{chance.randrange(999)}: block {chance.getrandbits(28)} "
        f"of size {chance.choice([64, 128])} {chance.choice(['received', 'deleted'])}\n"
        for i in range(lines)
    )
    return np.frombuffer(text.encode(), np.uint8).astype(np.int32)


PAST, FUTURE = a_log(185, 1), a_log(60, 2)


def living(variant: str) -> DendriteLearner:
    learner = DendriteLearner.create(variant)  # type: ignore[arg-type]
    learner.run(PAST, outputs="none")
    return learner


def bits(learner: DendriteLearner, tokens: NDArray[np.int32] = FUTURE) -> float:
    surprise = learner.run(tokens, outputs="surprise").surprise
    assert surprise is not None
    return float(surprise.mean())


@pytest.fixture(scope="module")
def found() -> Search:
    return search(living("fast"), PAST, {"standard": VARIANTS["standard"]})


def again(found: Search) -> DendriteLearner:
    """Return a net that lived as `fast` and has woken with what was found; what was found can be taken over again."""
    learner = living("fast")
    assert found.net is not None
    copy = newborn_beside(learner.net, found.net.wiring, len(PAST))
    copy.take(found.net.arrays())
    learner.net.adopt(copy)
    return learner


def test_it_finds_the_better_wiring_and_tells_the_bits(found: Search) -> None:
    present, standard = found.trials
    assert (found.chosen, present.candidate, standard.candidate) == ("standard", "present", "standard")
    assert found.gain == pytest.approx(1 - standard.kept_out_bits / present.kept_out_bits)
    learner, kept_out = DendriteLearner.create("standard"), len(PAST) - int(len(PAST) * 0.2)
    assert bits(learner, PAST[:kept_out]) == pytest.approx(standard.bits, abs=1e-4)
    assert bits(learner, PAST[kept_out:]) == pytest.approx(standard.kept_out_bits, abs=1e-4)


def test_a_net_that_wakes_is_as_one_born_with_that_wiring(found: Search) -> None:
    woken, born = again(found), living("standard")
    first, second = woken.net.arrays(), born.net.arrays()
    assert woken.net.wiring == VARIANTS["standard"]
    for name in ("tokens", "lived", "places", "text", "recent", "gains", "maps"):
        assert np.array_equal(first[name], second[name]), name
    before = living("fast")
    predicted = bits(woken)
    assert predicted == pytest.approx(bits(born), abs=0.003)
    assert predicted < bits(before) - 0.005
    assert (woken.tokens_seen, woken.net.tick) == (before.tokens_seen, before.net.tick)


def test_what_it_learnt_while_it_searched_is_kept(found: Search) -> None:
    learner = living("fast")
    learner.run(FUTURE, outputs="none")
    assert found.net is not None
    copy = newborn_beside(learner.net, found.net.wiring, len(PAST))
    copy.take(found.net.arrays())
    learner.net.adopt(copy)
    assert bits(learner) < bits(again(found)) - 0.1  # it knows that text by heart


def test_a_net_that_wakes_is_kept_with_the_variant_it_was_born_as(found: Search) -> None:
    woken = again(found)
    opened = DendriteLearner.from_checkpoint(Checkpoint.from_bytes(woken.checkpoint().to_bytes()))
    assert (opened.born, opened.net.wiring) == ("fast", VARIANTS["standard"])
    assert bits(opened) == bits(woken)


def test_a_fork_reads_on_what_it_was_forked_from(found: Search) -> None:
    learner = living("fast")
    fork, other = learner.fork(), learner.fork()
    said = fork.run(FUTURE, 0.0).surprise
    assert found.net is not None
    copy = newborn_beside(learner.net, found.net.wiring, len(PAST))
    copy.take(found.net.arrays())
    learner.net.adopt(copy)
    assert np.array_equal(other.run(FUTURE, 0.0).surprise, said)
    with pytest.raises(ValueError, match="only reads"):
        other.net.adopt(copy)


def test_where_nothing_is_better_it_says_by_how_much_and_stays(found: Search) -> None:
    learner = living("fast")
    weights = learner.checkpoint().weights_sha256()
    poor = search(learner, PAST, {"poor": POOR})
    assert (poor.chosen, poor.net, poor.gain < -0.1) == (None, None, True)
    assert learner.checkpoint().weights_sha256() == weights


def test_too_little_was_lived_through() -> None:
    with pytest.raises(ValueError, match="lived through 9999 tokens"):
        search(living("fast"), PAST[:9999])


def test_its_own_wiring_and_the_variants_are_among_the_candidates() -> None:
    assert {VARIANTS["fast"], VARIANTS["standard"], POOR} <= {*candidates(POOR).values()}
    assert next(iter(candidates(POOR))) == "present"
    plain = candidates(VARIANTS["standard"].plain())
    assert not any(wiring.of_text for wiring in plain.values())
    assert len(set(plain.values())) == len(plain)
