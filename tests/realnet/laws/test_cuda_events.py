"""The laws for `surprise` and `manifesto` in Triton: on a GPU where there is one, else under Triton's interpreter.

That takes some 60 ms of a CPU a tick, so the lives are few and short, and chosen rather than drawn.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from realnet import LiveNet
from realnet.core.state import Preset
from tests.realnet.laws.lives import Array, on_the_reference
from tests.realnet.on_cuda import DEVICE, HAS_GPU, MARKS, check_that_a_checkpoint_goes_on_exactly

pytestmark = [*MARKS, pytest.mark.usefixtures("quick_interpreter")]


@dataclass
class Short:
    """A net and what happens to it."""

    n_in: int
    hidden: int
    n_out: int
    preset: Preset = "surprise"
    readout: Literal["softmax", "clamp"] = "softmax"
    pruned: bool = False
    rate: float = 2.5

    @property
    def n(self) -> int:
        return self.n_in + self.hidden + self.n_out

    def create(self, kernel: str = "cuda", **constants: float) -> LiveNet:
        neurons = np.random.default_rng(self.n).permutation(self.n).tolist()
        chosen: dict[str, Any] = {"output_scale": 0.3, **constants}
        net = LiveNet(
            *(
                self.n,
                neurons[: self.n_in],
                neurons[self.n_in : self.n_in + self.n_out],
                self.preset,
                self.rate,
                self.n,
            ),
            device=DEVICE if kernel == "cuda" else "cpu",
            readout=self.readout,
            kernel=kernel,
            **chosen,
        )
        if self.pruned:
            net.prune(self.dead())
        return net

    def dead(self) -> NDArray[np.bool_]:
        return np.random.default_rng(1).random((self.n, self.n)) < 0.3

    def given(self, ticks: int) -> tuple[Array, Array]:
        """Draw frames and teachers, from the third tick on also none."""
        random = np.random.default_rng(2)
        frames = random.random((ticks, self.n_in)) * (random.random((ticks, self.n_in)) < 0.6)
        teachers = np.eye(self.n_out)[random.integers(0, self.n_out, ticks)]
        if self.readout == "clamp":
            teachers = random.random((ticks, self.n_out))
        frames[3::4], teachers[2::5] = 0.0, np.nan
        return frames.astype(np.float32), teachers.astype(np.float32)


SMALLEST = Short(1, 1, 1, readout="clamp")
SMALL, WITHOUT_HIDDEN = Short(8, 12, 4), Short(8, 0, 4, "manifesto", rate=8.0)
PRUNED, GRADED = Short(8, 40, 4, pruned=True), Short(8, 12, 4, readout="clamp", pruned=True, rate=0.5)
LARGE = Short(50, 220, 30, "manifesto")


@pytest.mark.parametrize("life", [SMALLEST, SMALL, WITHOUT_HIDDEN, PRUNED, GRADED, LARGE], ids=str)
def test_every_tick_is_that_of_the_reference(life: Short) -> None:
    net = life.create()
    assert net.kernel == "cuda"
    for frame, teacher in zip(*life.given(4), strict=True):
        before, law = net.checkpoint().state(), on_the_reference(net)
        assert np.abs(net.run(frame[None], teacher[None]) - law.run(frame[None], teacher[None])).max() < 1e-5
        assert np.abs(net.weights() - law.weights()).max() < 1e-5
        assert np.abs(net.state - law.state).max() < 1e-5
        ours, its = net.checkpoint().state(), law.checkpoint().state()
        assert np.abs(ours.margins - its.margins).max(initial=0) < 1e-5
        assert np.abs(ours.thresholds - its.thresholds).max(initial=0) < 1e-5
        assert (ours.x_before == before.x).all()
        if life.pruned:
            assert (np.delete(net.weights(), net.input_ids, 1)[np.delete(life.dead(), net.input_ids, 1)] == 0).all()


@pytest.mark.parametrize(("life", "plasticity"), [(PRUNED, 0.5), (WITHOUT_HIDDEN, 0.0)], ids=str)
def test_many_calls_are_one_call(life: Short, plasticity: float) -> None:
    whole, parts = life.create(), life.create()
    frames, teachers = life.given(4)
    before = whole.checkpoint().weights_sha256()
    at_once = whole.run(frames, teachers, plasticity)
    pieces = slice(0, 2), slice(2, 2), slice(2, 3), slice(3, 4)
    one_by_one = [parts.run(frames[piece], teachers[piece], plasticity) for piece in pieces]
    assert (np.vstack(one_by_one) == at_once).all()
    assert parts.checkpoint().state_sha256() == whole.checkpoint().state_sha256()
    assert (whole.checkpoint().weights_sha256() == before) == (plasticity == 0)


def test_silence_and_ticks_without_a_teacher_change_nothing() -> None:
    net = GRADED.create()
    before = net.checkpoint()
    said = net.run(np.zeros((2, GRADED.n_in)), np.full((2, GRADED.n_out), np.nan))
    assert not net.state.any()
    assert not said.any()
    net.run(np.zeros((1, GRADED.n_in)), np.eye(1, GRADED.n_out))  # nothing fires that could learn
    net.run(GRADED.given(2)[0])
    after = net.checkpoint()
    assert after.weights_sha256() == before.weights_sha256()
    assert (after.state().thresholds == before.state().thresholds).all()
    net.run(np.zeros((1, GRADED.n_in)), np.eye(1, GRADED.n_out))
    assert net.checkpoint().weights_sha256() != before.weights_sha256()


def test_of_equals_the_first_hidden_neurons_win() -> None:
    net = Short(8, 300, 4).create(hidden_scale=0.0, winner_fraction=0.03)
    law = on_the_reference(net)
    frames = np.ones((2, 8), np.float32)
    for each in (net, law):
        each.run(frames)
    assert (net.state == law.state).all()
    assert net.checkpoint().state().x[8:308].sum() == 9 == net.checkpoint().state().x[8:17].sum()


@pytest.mark.parametrize("n_in", [5, 8])
def test_the_weights_fill_their_range_at_every_tick(n_in: int) -> None:
    """Also when they grow beyond it, when the highest or lowest shrinks, and when a and b are folded into them."""
    life = Short(n_in, 9, 3, "manifesto", "clamp", pruned=True, rate=200.0)
    net = life.create(output_scale=1.0)
    held, factors = set(), [1.0]
    for frame, teacher in zip(*life.given(7), strict=True):
        net.run(frame[None], teacher[None])
        state = net.checkpoint().state()
        weights, frozen = state.stored_weights(), state.scale[2:]
        assert min(weights.min(), frozen[0]) == pytest.approx(-2, abs=1e-6)
        assert max(weights.max(), frozen[1]) == pytest.approx(2, abs=1e-6)
        held |= {int(weights.argmin()), int(weights.argmax())}
        factors.append(float(state.scale[0]))
    assert -1.99 < frozen[0] < frozen[1] < 1.99
    assert len(held) > 6
    assert any(then != 1.0 == now for then, now in pairwise(factors))


def test_a_scale_that_came_beyond_its_range_is_folded() -> None:
    net, (a, b) = PRUNED.create(), (2.5, 0.1)
    checkpoint = net.checkpoint()
    state = checkpoint.state()
    assert state.alive is not None
    state.U[:] = np.where(state.alive, (state.stored_weights() - b) / a, 0.0)
    state.scale[:2] = a, b
    far = LiveNet.from_checkpoint(checkpoint.extended({}, state.arrays()), DEVICE, "cuda")
    given = PRUNED.given(2)
    assert np.abs(far.run(*given) - net.run(*given)).max() < 1e-5
    assert far.checkpoint().state().scale[:2].tolist() == [1.0, 0.0]
    assert np.abs(far.weights() - net.weights()).max() < 1e-5


def test_it_responds_before_it_learns() -> None:
    net = PRUNED.create()
    frames, teachers = PRUNED.given(3)
    net.run(frames[:2], teachers[:2])
    before = net.checkpoint().state_sha256()
    response = net.respond()
    assert net.checkpoint().state_sha256() == before
    assert (net.run(frames[2:], np.eye(1, PRUNED.n_out))[0] == response).all()


def test_a_fork_reads_what_its_net_has_learnt_since_and_changes_nothing() -> None:
    frames, teachers = PRUNED.given(5)
    net, twin = PRUNED.create(), PRUNED.create()
    net.run(frames[:2], teachers[:2])
    fork = net.fork()
    young = net.checkpoint()
    net.run(frames[2:4], teachers[2:4])
    grown = net.checkpoint()
    forked = fork.run(frames[4:], teachers[4:], plasticity=0)
    assert fork.checkpoint().weights_sha256() == grown.weights_sha256() != young.weights_sha256()
    net.run(frames[4:], teachers[4:])
    twin.run(frames, teachers)
    assert net.checkpoint().state_sha256() == twin.checkpoint().state_sha256()

    mixed = {name: (grown if name in ("U", "scale") else young).arrays[name] for name in young.arrays}
    expected = LiveNet.from_checkpoint(young.extended({}, mixed), DEVICE, "cuda")
    assert (forked == expected.run(frames[4:], teachers[4:], plasticity=0)).all()


def test_a_checkpoint_goes_on_exactly_whatever_came_before_it_was_there() -> None:
    check_that_a_checkpoint_goes_on_exactly(PRUNED.create(), *PRUNED.given(4))


def test_with_its_mind_set_aside_it_lives_as_if_it_had_nothing_in_mind() -> None:
    net = SMALL.create()
    frames, teachers = SMALL.given(4)
    net.run(frames[:2], teachers[:2])
    kept = net.checkpoint()
    names = ("x", "x_before", "margins")
    nothing = {name: np.zeros_like(kept.arrays[name]) for name in names}
    blank = LiveNet.from_checkpoint(net.checkpoint().extended({}, nothing), DEVICE, "cuda")
    with net.aside():
        assert not net.state.any()
        assert (net.run(frames[2:], teachers[2:]) == blank.run(frames[2:], teachers[2:])).all()
    after = net.checkpoint()
    assert after.weights_sha256() == blank.checkpoint().weights_sha256() != kept.weights_sha256()
    assert all((after.arrays[name] == kept.arrays[name]).all() for name in names)


@pytest.mark.skipif(HAS_GPU, reason="there is one")
def test_without_a_gpu_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="device 'cuda' is not there"):
        LiveNet(3, [0], [2], device="cuda")
    monkeypatch.setattr("triton.JITFunction", object)
    with pytest.raises(ValueError, match="device is 'cpu': the kernel cuda needs a GPU"):
        LiveNet(3, [0], [2], kernel="cuda")
