"""An explanation is of the net's own decisions: it adds up to what the net says."""

import pytest

from realnet import DendriteLearner
from realnet.dendrites.explain import explain

TEXT = "the cat sat on the mat and the cat ran to the barn. " * 30


@pytest.fixture(scope="module", params=["standard", "large"])
def learner(request: pytest.FixtureRequest) -> DendriteLearner:
    learner = DendriteLearner.create(request.param)
    learner.run(learner.vocabulary.encode(TEXT))
    return learner


def test_the_likeliest_token_is_explained_by_those_that_know_the_place(learner: DendriteLearner) -> None:
    before = learner.checkpoint().state_sha256()
    explained = learner.explain(learner.vocabulary.encode("and the c"))
    assert learner.checkpoint().state_sha256() == before
    assert chr(explained.token) == "a"
    assert explained.probability > 0.9
    assert {each.context for each in explained.dendrites} == set(learner.net.wiring.contexts)
    by_name = {each.context: each for each in explained.dendrites}
    assert by_name["order 0"].asked == 255
    assert by_name["order 3"].asked > 20
    assert by_name["order 3"].probability > 0.8 > by_name["order 0"].probability
    assert [abs(each.bits) for each in explained.dendrites] == sorted(
        (abs(each.bits) for each in explained.dendrites), reverse=True
    )
    assert explained.recalls[0].expects == ord("a")
    assert explained.recalls[0].bits > 0


def test_it_is_as_probable_as_the_net_says(learner: DendriteLearner) -> None:
    net = learner.fork().net
    net.run(learner.vocabulary.encode("the cat ran"), 0.0)
    tokens, probabilities = net.expected(3)
    for token, probability in zip(tokens.tolist(), probabilities.tolist(), strict=True):
        assert explain(net, token).probability == pytest.approx(probability, rel=1e-5)
    assert explain(net).token == tokens[0]


def test_a_place_that_nobody_knows_has_no_uses(learner: DendriteLearner) -> None:
    explained = learner.explain(learner.vocabulary.encode("\x01\x02\x03\x04\x05\x06"))
    by_name = {each.context: each.asked for each in explained.dendrites}
    assert by_name["order 6"] == by_name["order 2"] == 0
    assert all(each.expects is None for each in explained.recalls)
    with pytest.raises(ValueError, match="in 0 to 255"):
        explain(learner.net, 256)
