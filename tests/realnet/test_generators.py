"""A generation that also tells how probable its tokens were, by every kind of learner."""

from collections.abc import Callable

import numpy as np
import pytest

from realnet import DendriteLearner, TokenLearner
from realnet.tokens.ids import Tokens

TEXT = "the net lives, and learns from every token. " * 10
MAKERS: dict[str, Callable[[], DendriteLearner | TokenLearner]] = {
    "dendrites": DendriteLearner.create,
    "compact": lambda: DendriteLearner.create("compact", memory=2**16),
    "matrix": lambda: TokenLearner.create(num_neurons=1000),
}
every_learner = pytest.mark.parametrize("kind", MAKERS)


def taught(kind: str) -> tuple[DendriteLearner | TokenLearner, Tokens]:
    learner = MAKERS[kind]()
    tokens = np.frombuffer(TEXT.encode(), np.uint8).astype(np.int32)
    learner.run(tokens)
    return learner, tokens


@every_learner
@pytest.mark.parametrize("temperature", [0.0, 1.3])
def test_to_be_told_changes_nothing_of_what_is_generated(kind: str, temperature: float) -> None:
    learner, tokens = taught(kind)
    plain = learner.generator(tokens[:9], temperature, 4, fresh=True)
    telling = learner.generator(tokens[:9], temperature, 4, fresh=True)
    told = telling.step_told(7, 3) + telling.step_told(13, 0)
    assert [each.token for each in told] == plain.step(20)
    assert [len(each.likeliest) for each in told] == [3] * 7 + [0] * 13


@every_learner
def test_what_is_told_is_what_the_net_says_of_the_same_tokens(kind: str) -> None:
    learner, tokens = taught(kind)
    generator = learner.generator(tokens[:70], 0.5, 1)
    told = []
    while piece := generator.read_told(5):
        told += piece
    told += generator.step_told(30, 5)
    assert [each.token for each in told[:70]] == tokens[:70].tolist()

    fork = learner.fork()
    said = fork.run([each.token for each in told], 0.0, outputs="full")
    assert np.allclose([each.probability for each in told], said.probability, rtol=1e-4)
    likeliest = [[token for token, _ in each.likeliest] for each in told[1:]]
    assert likeliest == said.next_token[:-1].tolist()
    assert np.allclose([[p for _, p in each.likeliest] for each in told[1:]], said.next_probability[:-1], rtol=1e-4)


@every_learner
def test_all_that_may_come_adds_up_to_one(kind: str) -> None:
    learner, tokens = taught(kind)
    [told] = learner.generator(tokens[:9], 1.0, 0).step_told(1, 256)
    tokens_told = [token for token, _ in told.likeliest]
    assert sorted(tokens_told) == list(range(256))
    assert abs(sum(probability for _, probability in told.likeliest) - 1.0) < 1e-4


def test_two_symbols_are_all_there_are() -> None:
    [told] = DendriteLearner.create(symbols=2).generator([0, 1], 1.0, 0).step_told(1, 5)
    assert sorted(token for token, _ in told.likeliest) == [0, 1]
