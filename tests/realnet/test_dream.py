"""Dreams: episodes lived through with the net's own mind set aside."""

import numpy as np
import pytest

from realnet import FrameLearner, TokenLearner
from realnet.core.state import PRESETS, Preset
from realnet.dream import ticks_of_pairs

every_preset = pytest.mark.parametrize("preset", PRESETS)


def test_a_pulse_and_its_target() -> None:
    inputs, targets = [[0.2, 0.4], [0.6, 0.8]], [[1.0], [0.5]]
    frames, teachers = ticks_of_pairs(inputs, targets, 3, held=False)
    assert np.allclose(frames, [[0.2, 0.4], [0.0, 0.0], [0.0, 0.0], [0.6, 0.8], [0.0, 0.0], [0.0, 0.0]])
    assert teachers.ravel().tolist() == [0, 0, 1, 0, 0, 0.5]
    held, _ = ticks_of_pairs(inputs, targets, 3, held=True)
    assert np.allclose(held, np.repeat(inputs, 3, axis=0))


def test_an_answer_needs_a_second_tick() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        ticks_of_pairs([[1.0]], [[1.0]], 1, held=False)


@every_preset
def test_a_dream_of_tokens_is_learnt_and_leaves_mind_and_score_alone(preset: Preset) -> None:
    random = np.random.default_rng(1)
    learner = TokenLearner.create(preset)
    learner.run(random.integers(0, 256, 50))
    mind, seen, accuracy = learner.net.state, learner.tokens_seen, learner.score.accuracy
    said = learner.dream([7, 8, 9, 10], given=2)
    assert said.token.tolist() == [9, 10]
    assert learner.net.tick == 54
    for _ in range(200 if preset == "literal" else 20):
        learner.dream([7, 8, 9, 10], given=2)
    assert (learner.net.state == mind).all()
    assert (learner.tokens_seen, learner.score.accuracy) == (seen, accuracy)
    assert learner.dream([7, 8, 9, 10], given=2, plasticity=0).predicted.tolist() == [9, 10]
    assert learner.generator([7, 8], 0.0, 0, fresh=True).step(0) == []
    talk = learner.generator([7, 8], 0.0, 0, fresh=True)
    assert talk.step(2) == [9, 10]


def test_what_leads_up_to_a_dream_is_not_learnt() -> None:
    learner, other = TokenLearner.create(), TokenLearner.create()
    learner.dream([1, 2, 3, 4, 5], given=5)
    assert learner.net.checkpoint().weights_sha256() == other.net.checkpoint().weights_sha256()


def test_a_stretch_led_up_to_is_the_stretch_itself() -> None:
    """So many tokens decide all of the mind but for what hidden neurons remember; `manifesto` has none."""
    text = np.random.default_rng(0).integers(0, 8, 300)
    whole, parts = TokenLearner.create("manifesto"), TokenLearner.create("manifesto")
    whole.dream(text)
    for start in range(0, 300, 50):
        lead = min(parts.reach, start)
        parts.dream(text[start - lead : start + 50], given=lead)
    assert whole.net.checkpoint().weights_sha256() == parts.net.checkpoint().weights_sha256()


def test_a_dream_that_is_refused_changes_nothing() -> None:
    learner = FrameLearner.create(3, 2)
    learner.run(np.eye(3, dtype=np.float32), np.eye(3, 2, dtype=np.float32))
    before = learner.checkpoint().state_sha256()
    with pytest.raises(ValueError, match=r"frames\[0, 1\]"):
        learner.dream([[0.0, 1.5, 0.0]])
    assert learner.checkpoint().state_sha256() == before
