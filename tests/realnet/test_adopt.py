"""A live net takes over weights that a fit has made."""

import numpy as np
import pytest
from numpy.typing import NDArray

from realnet import LiveNet
from realnet.core.state import PRESETS, Preset

every_preset = pytest.mark.parametrize("preset", PRESETS)
INPUTS, NEURONS, OUTPUTS = 8, 16, 4


def lived(preset: Preset, ticks: int = 40, kernel: str | None = None) -> LiveNet:
    # The inner order is not the caller's.
    net = LiveNet(NEURONS, range(NEURONS - INPUTS, NEURONS), range(OUTPUTS), preset, seed=3, kernel=kernel)
    live(net, ticks)
    return net


def live(net: LiveNet, ticks: int, seed: int = 0) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    frames = (random.random((ticks, INPUTS)) < 0.5).astype(np.float32)
    return net.run(frames, np.eye(OUTPUTS, dtype=np.float32)[random.integers(OUTPUTS, size=ticks)])


def stored(net: LiveNet) -> NDArray[np.float32]:
    return net.checkpoint().state().stored_weights()


def columns_that_count(net: LiveNet) -> slice:
    return slice(stored(net).shape[1] - (NEURONS - INPUTS), None)


def drawn(net: LiveNet, seed: int = 5, width: float = 0.5) -> NDArray[np.float32]:
    """Weights that do not fill the range."""
    return np.random.default_rng(seed).uniform(-width, width, stored(net).shape).astype(np.float32)


@every_preset
def test_it_has_the_weights_and_all_else_as_before(preset: Preset) -> None:
    net = lived(preset)
    before, weights, count = net.checkpoint(), drawn(net), columns_that_count(net)
    net.adopt(weights)
    after = net.checkpoint()
    assert np.array_equal(stored(net)[:, count], weights[:, count])
    assert after.tick == before.tick
    for name in ("x", "x_before", "margins", "thresholds"):
        assert np.array_equal(after.arrays[name], before.arrays[name]), name


@every_preset
@pytest.mark.parametrize("kernel", ["cpu", "torch"])
def test_it_lives_on_as_the_law_says(preset: Preset, kernel: str) -> None:
    """What it adopts does not fill the range of the weights, and some of it is dead."""
    net, law = lived(preset, kernel=kernel), lived(preset, kernel="reference")
    alive = np.random.default_rng(6).random(stored(net).shape) < 0.8
    for each in (net, law):
        each.adopt(drawn(net), alive=alive)
    assert np.abs(live(net, 30, seed=1) - live(law, 30, seed=1)).max() < 1e-3
    assert np.abs(net.weights() - law.weights()).max() < 1e-3


@every_preset
def test_learning_does_not_begin_with_other_weights(preset: Preset) -> None:
    """As step 8 would make of any that do not fill the range."""
    net = lived(preset)
    weights, count = drawn(net), columns_that_count(net)
    net.adopt(weights)
    net.learning_rate = 1e-7
    live(net, 1)
    assert np.abs(stored(net)[:, count] - weights[:, count]).max() < 1e-5


@every_preset
def test_what_was_learnt_since_the_fork_stays(preset: Preset) -> None:
    net = lived(preset)
    base, count = stored(net), columns_that_count(net)
    fitted = np.clip(base + drawn(net, width=0.01), -2, 2)
    fitted[0, count] = 2.0
    live(net, 5, seed=1)
    since = stored(net)
    net.adopt(fitted, base)
    wished = np.clip(since.astype(float) + fitted - base, -2, 2)
    assert np.abs(stored(net) - wished)[:, count].max() < 1e-5
    assert not np.allclose(since[:, count], base[:, count], atol=1e-4)


@every_preset
def test_the_dead_stay_dead(preset: Preset) -> None:
    net = lived(preset)
    dead = np.random.default_rng(1).random((NEURONS, NEURONS)) < 0.3
    net.prune(dead)
    was_dead = ~net.checkpoint().arrays["alive"]
    alive = np.random.default_rng(2).random(stored(net).shape) < 0.7
    net.adopt(drawn(net), alive=alive)
    live(net, 20, seed=1)
    after = net.checkpoint()
    assert np.array_equal(after.arrays["alive"], alive & ~was_dead)
    assert not stored(net)[~alive | was_dead].any()
    net.adopt(np.ones_like(drawn(net)))
    assert np.array_equal(net.checkpoint().arrays["alive"], alive & ~was_dead)


def test_weights_beyond_the_range_by_a_rounding_are_taken() -> None:
    net = lived("surprise")
    net.adopt(np.full_like(drawn(net), np.float32(2.0000002)))
    assert stored(net).max() == 2.0


def test_it_takes_copies() -> None:
    net = lived("surprise")
    weights, alive = drawn(net), np.ones(stored(net).shape, np.bool_)
    kept = weights.copy()
    net.adopt(weights, alive=alive)
    live(net, 20)
    assert np.array_equal(weights, kept)
    alive[:] = False
    assert net.checkpoint().arrays["alive"].all()


def test_what_cannot_be_adopted_is_refused_and_changes_nothing() -> None:
    net = lived("surprise")
    before, weights = net.checkpoint().state_sha256(), drawn(net)
    unheard = weights.copy()
    unheard[1, 2] = np.nan
    for arguments, message in (
        ((weights[1:],), "weights has shape"),
        ((weights + 3,), "weights must be numbers in"),
        ((unheard,), "weights must be numbers in"),
        ((weights, weights[:, 1:]), "base has shape"),
        ((weights, unheard), "base must be numbers in"),
        ((weights, None, weights), "alive must be"),
    ):
        with pytest.raises(ValueError, match=message):
            net.adopt(*arguments)
    assert net.checkpoint().state_sha256() == before
    with pytest.raises(ValueError, match="a fork only reads"):
        net.fork().adopt(weights)
