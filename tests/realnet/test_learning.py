"""A net learns what it is told, with its state as life has left it, and an untrained one does not know it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from realnet import LiveNet, TokenLearner
from realnet.core.state import PRESETS, Preset

every_preset = pytest.mark.parametrize("preset", PRESETS)


@every_preset
@pytest.mark.parametrize("seed", range(3))
def test_a_cycle_of_8_tokens(preset: Preset, seed: int) -> None:
    cycle = np.random.default_rng(seed).permutation(256)[:8]
    trained, untrained = (TokenLearner.create(preset, seed=seed) for _ in range(2))
    trained.run(np.tile(cycle, 200 if preset == "literal" else 20))
    recall = trained.run(np.tile(cycle, 2), plasticity=0)
    guess = untrained.run(np.tile(cycle, 2), plasticity=0)
    assert (recall.predicted == recall.token).all()
    assert (guess.predicted == guess.token).mean() < 0.5


def code(bits: NDArray[np.int64]) -> NDArray[np.float32]:
    """Half of 64 input neurons are on for a 0, the other half for a 1."""
    return np.where(np.arange(64) // 32 == bits[:, None], 1, 0).astype(np.float32)


def answers(net: LiveNet, bits: NDArray[np.int64]) -> NDArray[np.int64]:
    """What it says of each bit a tick after it saw it, learning nothing."""
    said: NDArray[np.int64] = net.run(code(np.append(bits, 0)), plasticity=0)[1:].argmax(axis=1)
    return said


@every_preset
@pytest.mark.parametrize("opposite", [0, 1], ids=["copy", "not"])
def test_copy_and_its_opposite(preset: Preset, opposite: int) -> None:
    untrained_right = []
    for seed in range(20):
        random = np.random.default_rng(seed)
        shown, asked = random.integers(0, 2, 1500), random.integers(0, 2, 200)
        trained, untrained = (LiveNet(66, range(64), range(64, 66), preset, seed=seed) for _ in range(2))
        teachers = np.full((1500, 2), np.nan)
        teachers[1:] = np.eye(2)[shown[:-1] ^ opposite]
        trained.run(code(shown), teachers)
        assert trained.state.any()
        assert (answers(trained, asked) == asked ^ opposite).all()
        untrained.run(code(shown), teachers, plasticity=0)
        untrained_right.append((answers(untrained, asked) == asked ^ opposite).mean())
    assert np.mean(untrained_right) < 0.75  # one of two maps is right by chance, in part


@pytest.mark.parametrize("opposite", [False, True], ids=["copy", "not"])
def test_graded_values_by_population(opposite: bool) -> None:
    """Each output for itself ("clamp"), graded teachers: a bin per tenth, neighbours on, as the design asks for."""
    random = np.random.default_rng(0)
    values = random.random(3000)
    frames = (np.abs(np.arange(20) - values[:, None] * 19) < 2).astype(float)
    teachers = np.full((3000, 1), np.nan)
    teachers[1:, 0] = 1 - values[:-1] if opposite else values[:-1]
    net = LiveNet(21, range(20), [20], readout="clamp")
    said = net.run(frames, teachers)
    error = np.abs(said[2000:] - teachers[2000:]).mean()
    assert error < 0.05  # the mean of the teachers would be wrong by .25
