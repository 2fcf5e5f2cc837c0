"""Fits of the gains of a net of dendrites: the same forward pass, and better on what was held out or not."""

import numpy as np
import pytest
import torch

from realnet import Checkpoint, DendriteLearner
from realnet.fit_options import FitOptions
from realnet.training.dendrite_model import DendriteModel
from realnet.training.live_fit import Fitted, fit_live
from tests.realnet.dendrites.test_search import a_log

HEARD, TOLD = a_log(60, 3), a_log(30, 4)


def living() -> DendriteLearner:
    learner = DendriteLearner.create("fast")
    learner.run(HEARD, outputs="none")
    return learner


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit_live(living().checkpoint(), TOLD, FitOptions(learning_rate=5e-4, validation=0.3, batch_size=256))


@pytest.mark.parametrize("variant", ["fast", "standard", "large"])
def test_the_forward_pass_says_what_the_net_says(variant: str) -> None:
    learner = DendriteLearner.create(variant)  # type: ignore[arg-type]
    learner.run(HEARD[:2000], outputs="none")
    twin = DendriteLearner.from_checkpoint(learner.checkpoint())
    model = DendriteModel(learner.net)
    probability = float(twin.net.run(HEARD[2000:2001], 1.0).probability[0])
    nats = model.nats(learner.net.record(HEARD[2000:2001]), torch.device("cpu"))
    assert float(nats.detach()) == pytest.approx(-np.log(probability), rel=0.01, abs=1e-4)


def test_a_net_that_is_recorded_lives_as_it_would() -> None:
    one, other = DendriteLearner.create("fast"), DendriteLearner.create("fast")
    one.net.run(HEARD, 1.0)
    other.net.record(HEARD)
    first, second = one.net.arrays(), other.net.arrays()
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_it_tells_what_the_net_would_be_with_it(fitted: Fitted) -> None:
    assert fitted.after["bits"] < fitted.before["bits"]
    held_out = TOLD[-round(0.3 * len(TOLD)) :]
    for weights, told in ((fitted.base, fitted.before), (fitted.weights, fitted.after)):
        learner = living()
        learner.net.refit(weights)
        surprise = learner.dream(held_out, outputs="surprise").surprise
        assert surprise is not None
        assert surprise.mean() == pytest.approx(told["bits"], abs=1e-5)


def test_only_gains_mix_and_maps_change(fitted: Fitted) -> None:
    before, learner = living().net.memory._asdict(), living()
    learner.net.refit(fitted.weights)
    after = learner.net.memory._asdict()
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed <= {"gains", "mix", "maps", "gain_uses", "map_uses"}
    assert "gains" in changed


def test_a_fitted_net_goes_on_from_its_checkpoint(fitted: Fitted) -> None:
    learner = living()
    learner.net.refit(fitted.weights)
    again = DendriteLearner.from_checkpoint(Checkpoint.from_bytes(learner.checkpoint().to_bytes()))
    assert np.array_equal(again.net.weights(), fitted.weights), "of rows that only the fit used, too"


def test_what_was_learnt_since_the_fork_stays(fitted: Fitted) -> None:
    learner = living()
    learner.run(TOLD[:500], outputs="none")
    own = learner.net.weights()
    learner.net.refit(fitted.weights, fitted.base)
    assert np.array_equal(learner.net.weights(), own + (fitted.weights - fitted.base))


def test_weights_that_are_none_are_refused(fitted: Fitted) -> None:
    learner, wrong = living(), fitted.weights.copy()
    wrong[5] = np.nan
    for weights in (wrong, fitted.weights[1:], fitted.weights.astype(np.float64)):
        with pytest.raises(ValueError, match="finite numbers of float32"):
            learner.net.refit(weights)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="only reads"):
        learner.fork().net.refit(fitted.weights)


@pytest.mark.parametrize(
    ("options", "why"),
    [({"loss": "mse"}, "cross_entropy"), ({"pruning_threshold": 0.1}, "no synapses"), ({"validation": 0}, "held out")],
)
def test_what_does_not_go_with_dendrites_is_refused(options: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        fit_live(living().checkpoint(), TOLD, FitOptions(**options))  # type: ignore[arg-type]
