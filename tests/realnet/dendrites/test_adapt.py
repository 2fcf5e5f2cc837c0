"""A fork that adapts to what it reads, and leaves the net that it was forked from as it is."""

import numpy as np
import pytest

from realnet import DendriteLearner, TokenLearner
from tests.realnet.dendrites.test_search import a_log, bits

HEARD, READ = a_log(40, 5), a_log(40, 6)


@pytest.fixture(scope="module")
def learner() -> DendriteLearner:
    learner = DendriteLearner.create("fast")
    learner.run(HEARD, outputs="none")
    return learner


def read(learner: DendriteLearner, adapts: bool) -> float:
    surprise = learner.fork(adapts).run(READ, 0.0, outputs="surprise").surprise
    assert surprise is not None
    return float(surprise.mean())


def test_it_reads_better_and_the_net_stays(learner: DendriteLearner) -> None:
    before = learner.checkpoint().state_sha256()
    frozen, adapted = read(learner, False), read(learner, True)
    assert adapted < frozen - 0.03
    assert learner.checkpoint().state_sha256() == before
    alive = DendriteLearner.from_checkpoint(learner.checkpoint())
    assert bits(alive, READ) < adapted  # whose synapses learn as well


def test_many_calls_are_one_call_while_the_net_learns_on(learner: DendriteLearner) -> None:
    living = DendriteLearner.from_checkpoint(learner.checkpoint())
    one, many = living.fork(True), living.fork(True)
    whole = one.run(READ, 0.0).surprise
    parts = [many.run(part, 0.0).surprise for part in np.array_split(READ, 7)]
    assert np.array_equal(np.concatenate([each for each in parts if each is not None]), whole)
    fork = living.fork(True)
    while living.net.lines == learner.net.lines:  # until the net doubles its lines
        living.run(np.random.default_rng(living.net.tick).integers(0, 256, 1000), outputs="none")
    assert fork.run(READ, 0.0).surprise.shape == READ.shape


def test_a_generation_knows_a_prompt_that_it_adapts_to(learner: DendriteLearner) -> None:
    secret = b"the word of the day is quixotry; " * 3 + b"the word of the day is "
    prompt = np.frombuffer(secret, np.uint8)
    said = []
    for adapts in (False, True):
        generator = learner.generator(prompt, temperature=0, seed=0, fresh=True, adapts=adapts)
        said.append(bytes(generator.step(8)))
    assert said[0] != b"quixotry" == said[1]


def test_a_net_of_a_matrix_cannot() -> None:
    with pytest.raises(ValueError, match="dendrites"):
        TokenLearner.create(num_neurons=500).generator([1], temperature=0, seed=0, adapts=True)
