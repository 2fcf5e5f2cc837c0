"""What of the outputs is computed: what was asked for, and nothing of what is learnt depends on it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from realnet import DendriteLearner, TokenLearner, create
from realnet.learners import AnyPreset
from realnet.outputs import LEVELS, Level, OutputBatch, highest, includes
from realnet.score import SAMPLED, estimated_hits

TEXT = "the net lives, and learns from every letter that it reads. " * 8
COLUMNS: dict[Level, set[str]] = {
    "none": {"tick", "token"},
    "surprise": {"tick", "token", "probability", "surprise"},
    "best": {"tick", "token", "probability", "surprise", "predicted"},
    "full": {"tick", "token", "probability", "surprise", "predicted", "next_token", "next_probability"},
}
every_preset = pytest.mark.parametrize("preset", ["literal", "manifesto", "surprise", "dendrites"])


def newborn(preset: AnyPreset) -> TokenLearner | DendriteLearner:
    learner = create(preset, None if preset == "dendrites" else 656)
    assert isinstance(learner, TokenLearner | DendriteLearner)
    return learner


def columns_of(batch: OutputBatch) -> dict[str, NDArray[np.generic]]:
    return {name: getattr(batch, name) for name in batch.__match_args__ if getattr(batch, name) is not None}


@every_preset
def test_what_is_learnt_does_not_depend_on_what_is_asked_for(preset: AnyPreset) -> None:
    states, said = set(), {}
    for level in LEVELS:
        learner = newborn(preset)
        tokens = learner.vocabulary.encode(TEXT)
        said[level] = learner.run(tokens, outputs=level)
        learner.dream(tokens[:20], given=5, outputs=level)
        learner.run(tokens[:7], 0.0, outputs=level)
        states.add(learner.checkpoint().state_sha256())
        assert columns_of(said[level]).keys() == COLUMNS[level]
        assert len(said[level]) == len(TEXT)
    assert len(states) == 1
    for level in LEVELS:
        for name, column in columns_of(said[level]).items():
            assert (column == getattr(said["full"], name)).all(), name


@every_preset
def test_an_unknown_word_changes_nothing(preset: AnyPreset) -> None:
    learner = newborn(preset)
    for wrong in ("all", "", None, 2):
        with pytest.raises(ValueError, match="must be one of none, surprise, best, full"):
            learner.run([1, 2], outputs=wrong)  # type: ignore[arg-type]
    assert (learner.net.tick, learner.tokens_seen) == (0, 0)


def test_levels_are_ordered() -> None:
    assert [[includes(level, other) for other in LEVELS] for level in LEVELS] == np.tri(4, dtype=bool).tolist()
    assert highest(["surprise", "full", "none"]) == "full"
    assert highest([]) == "none"


def test_rows_that_lack_a_column_are_joined_without_it() -> None:
    learner = newborn("surprise")
    full, best = learner.run([1, 2], outputs="full"), learner.run([3], outputs="best")
    joined = type(full).joined([full, best])
    assert columns_of(joined).keys() == COLUMNS["best"]
    assert joined.token.tolist() == [1, 2, 3]
    assert columns_of(full[1:]).keys() == COLUMNS["full"]
    with pytest.raises(ValueError, match="ask for outputs best or full"):
        learner.run([1], outputs="surprise").tally()


def test_the_accuracy_of_dendrites_is_an_estimate_of_what_it_is() -> None:
    learner = DendriteLearner.create("fast")
    outputs = learner.run(learner.vocabulary.encode(TEXT * 8))
    weights = 0.999 ** np.arange(len(outputs))[::-1]
    assert learner.score.accuracy == pytest.approx(np.average(outputs.hits, weights=weights), abs=0.04)


def test_a_hit_that_was_searched_counts_for_those_that_were_not() -> None:
    ticks = np.arange(SAMPLED - 1, 2 * SAMPLED + 1)
    is_best, probability = np.ones(len(ticks), bool), np.full(len(ticks), 0.3)
    probability[[0, -1]] = 0.51
    assert estimated_hits(ticks, is_best, probability).tolist() == [1, SAMPLED, *[0] * (SAMPLED - 1), 1]
    assert not estimated_hits(ticks, ~is_best, np.minimum(probability, 0.5)).any()
