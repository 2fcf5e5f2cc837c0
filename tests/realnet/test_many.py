"""Each of many nets computes what it would alone."""

import numpy as np
import pytest
from numpy.typing import NDArray

from realnet import LiveNet, LiveNets
from realnet.core.state import Preset
from tests.realnet.laws.lives import Array, Place
from tests.realnet.on_cuda import DEVICE, MARKS

ON_CUDA = pytest.param("cuda", "surprise", marks=MARKS)


def device_of(kernel: str) -> str:
    return DEVICE if kernel == "cuda" else "cpu"


def given(some: int, ticks: int) -> tuple[Array, Array]:
    random = np.random.default_rng(2)
    frames = random.random((some, ticks, 6)) * (random.random((some, ticks, 6)) < 0.6)
    teachers = np.eye(3)[random.integers(0, 3, (some, ticks))]
    teachers[:, 1::3] = np.nan
    return frames.astype(np.float32), teachers.astype(np.float32)


def some_dead() -> NDArray[np.bool_]:
    return np.random.default_rng(0).random((20, 20)) < 0.3


@pytest.mark.usefixtures("quick_interpreter")
@pytest.mark.parametrize(("kernel", "preset"), [("cpu", "surprise"), ("cpu", "literal"), ON_CUDA])
def test_each_is_what_it_is_alone(kernel: str, preset: Preset) -> None:
    place: Place = {"device": device_of(kernel), "kernel": kernel}
    alone = [LiveNet(20, range(6), range(17, 20), preset, rate, seed=k, **place) for k, rate in enumerate((None, 0.5))]
    alone[1].prune(some_dead())
    frames, teachers = given(2, 5)
    alone[1].run(frames[1, :1], teachers[1, :1])
    nets = LiveNets.from_nets(alone, **place)
    for ticks, plasticity in (slice(1, 4), 1.0), (slice(4, 5), 0.0):
        outputs = nets.run(frames[:, ticks], teachers[:, ticks], plasticity)
        for k, net in enumerate(alone):
            assert (net.run(frames[k, ticks], teachers[k, ticks], plasticity) == outputs[k]).all()
    for k, net in enumerate(alone):
        taken = nets.net(k)
        assert taken.checkpoint().state_sha256() == net.checkpoint().state_sha256()
        assert (taken.device, taken.kernel, taken.tick) == (net.device, net.kernel, net.tick)


def test_they_are_born_of_their_seeds() -> None:
    nets = LiveNets(20, range(6), range(17, 20), "manifesto", 2.0, [5, 9], readout="clamp", beta=4.0)
    assert len(nets) == 2
    assert repr(nets) == "<LiveNets: nets 2, preset manifesto, size 20 neurons (6 in, 11 hidden, 3 out), device cpu>"
    for k, seed in enumerate((5, 9)):
        net = LiveNet(20, range(6), range(17, 20), "manifesto", 2.0, seed, readout="clamp", beta=4.0)
        assert nets.net(k).checkpoint().state_sha256() == net.checkpoint().state_sha256()
    nets.net(0).run(np.ones((2, 6)), np.ones((2, 3)))
    assert nets.net(0).tick == 0, "it is a copy"
    frames, _ = given(2, 3)
    assert (nets.run(frames, learning_rate=1.0) == nets.run(frames, plasticity=0)).shape == (2, 3, 3)


def test_no_ticks_are_none() -> None:
    nets = LiveNets(20, range(6), range(17, 20), seeds=range(2))
    before = nets.net(1).checkpoint().state_sha256()
    assert nets.run(np.zeros((2, 0, 6))).shape == (2, 0, 3)
    assert nets.net(1).checkpoint().state_sha256() == before


def test_what_is_none_is_refused_and_nothing_changes() -> None:
    nets = LiveNets(20, range(6), range(17, 20), seeds=range(2))
    before = nets.net(0).checkpoint().state_sha256()
    frames, teachers = given(2, 4)
    wrong = frames.copy()
    wrong[1, 3, 2] = 1.5
    for arguments, message in (
        ((frames[0],), r"frames has shape \(4, 6\), must be \(2, T, 6\)"),
        ((frames[:1],), r"frames has shape \(1, 4, 6\), must be \(2, T, 6\)"),
        (([[["a"]]],), r"frames must be an array of numbers of shape \(2, T, 6\)"),
        ((wrong,), r"frames\[1\]\[3, 2\] must be a number in \[0, 1\]"),
        ((frames, teachers[:, :3]), "there are 3 teachers for 4 frames"),
        ((frames, teachers, -1), "plasticity"),
        ((frames, teachers, 1.0, -1), "learning_rate"),
    ):
        with pytest.raises(ValueError, match=message):
            nets.run(*arguments)
    assert nets.net(0).checkpoint().state_sha256() == before
    for k in (-1, 2):
        with pytest.raises(IndexError, match=f"there is no net {k}, only 0 to 1"):
            nets.net(k)
    with pytest.raises(ValueError, match="at least one net"):
        LiveNets(20, range(6), range(17, 20), seeds=[])
    others = [LiveNet(20, range(6), range(17, 20), kappa=kappa) for kappa in (0.02, 0.5)]
    with pytest.raises(ValueError, match="net 1 has another kappa than net 0"):
        LiveNets.from_nets(others)
