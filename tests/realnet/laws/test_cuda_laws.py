"""The laws for `literal` in Triton: on a GPU where there is one, else under Triton's interpreter.

That takes some 50 ms of a CPU a tick, so the lives are few and short, and chosen rather than drawn.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from realnet import LiveNet
from realnet.kernels import SparseFrames, open_kernel
from tests.realnet.laws.lives import Array, on_the_reference
from tests.realnet.on_cuda import DEVICE, HAS_GPU, MARKS, check_that_a_checkpoint_goes_on_exactly

if TYPE_CHECKING:
    from realnet.kernels.cuda.dense import CudaDense

pytestmark = [*MARKS, pytest.mark.usefixtures("quick_interpreter")]


@dataclass
class Short:
    """A net and what happens to it."""

    n: int
    n_in: int
    n_out: int
    pruned: bool = False
    rate: float = 1e-2

    def create(self) -> LiveNet:
        neurons = np.random.default_rng(self.n).permutation(self.n).tolist()
        net = LiveNet(
            *(self.n, neurons[: self.n_in], neurons[self.n_in : self.n_in + self.n_out], "literal", self.rate, self.n),
            device=DEVICE,
            kernel="cuda",
        )
        if self.pruned:
            net.prune(self.dead())
        return net

    def dead(self) -> NDArray[np.bool_]:
        return np.random.default_rng(1).random((self.n, self.n)) < 0.3

    def given(self, ticks: int) -> tuple[Array, Array]:
        """Draw frames and teachers; not all ticks have a teacher, and at some nothing is given."""
        random = np.random.default_rng(2)
        frames, teachers = random.random((ticks, self.n_in)), random.random((ticks, self.n_out))
        frames *= random.random(frames.shape) < 0.7
        teachers[1::3] = np.nan
        frames[2::4] = 0.0
        return frames.astype(np.float32), teachers.astype(np.float32)


SMALLEST, SMALL, PRUNED = Short(3, 1, 1), Short(21, 8, 4), Short(21, 8, 4, pruned=True)
LARGE, LARGE_PRUNED = Short(300, 50, 30, rate=0.1), Short(140, 20, 110, pruned=True)  # of several tiles


@pytest.mark.parametrize("life", [SMALLEST, SMALL, PRUNED, LARGE, LARGE_PRUNED], ids=str)
def test_every_tick_is_that_of_the_reference(life: Short) -> None:
    net = life.create()
    for frame, teacher in zip(*life.given(3 if life.n < 100 else 2), strict=True):
        x, law = net.state, on_the_reference(net)
        assert np.abs(net.run(frame[None], teacher[None]) - law.run(frame[None], teacher[None])).max() < 1e-5
        assert np.abs(net.weights() - law.weights()).max() < 1e-5
        assert np.abs(net.state - law.state).max() < 1e-5
        assert (net.checkpoint().state().x_before == x[np.r_[net._params.order]]).all()
        if life.pruned:
            assert (net.weights()[life.dead()] == 0).all()


def test_it_stays_with_the_reference() -> None:
    net = SMALL.create()
    law = on_the_reference(net)
    frames, teachers = SMALL.given(20)
    for ticks, tolerance in ((5, 1e-5), (15, 5e-5)):
        for each in (net, law):
            each.run(frames[:ticks], teachers[:ticks])
        assert np.abs(net.state - law.state).max() < tolerance
        frames, teachers = frames[ticks:], teachers[ticks:]


@pytest.mark.parametrize(("life", "a", "b"), [(SMALL, 3.0, 0.1), (SMALL, 0.25, 0.0), (PRUNED, 1.0, -1.5)])
def test_a_scale_that_has_left_its_range_is_folded(life: Short, a: float, b: float) -> None:
    net = life.create()
    checkpoint = net.checkpoint()
    state = checkpoint.state()
    living = np.ones_like(state.U, np.bool_) if state.alive is None else state.alive
    state.U[:] = np.where(living, (state.stored_weights() - b) / a, 0.0)
    state.scale[:2] = a, b
    far = LiveNet.from_checkpoint(checkpoint.extended({}, state.arrays()), DEVICE, "cuda")
    given = life.given(2)
    assert np.abs(far.run(*given) - net.run(*given)).max() < 1e-5
    assert np.abs(far.weights() - net.weights()).max() < 1e-5
    assert 0.6 < far.checkpoint().state().scale[0] < 1.7


@pytest.mark.parametrize(("life", "plasticity"), [(PRUNED, 1.0), (SMALL, 0.0)])
def test_many_calls_are_one_call(life: Short, plasticity: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realnet.kernels.cuda.dense.RING", 2)
    whole, parts = life.create(), life.create()
    frames, teachers = life.given(5)
    before = whole.checkpoint()
    at_once = whole.run(frames, teachers, plasticity)
    pieces = slice(0, 3), slice(3, 3), slice(3, 4), slice(4, 5)
    one_by_one = [parts.run(frames[piece], teachers[piece], plasticity) for piece in pieces]
    assert (np.vstack(one_by_one) == at_once).all()
    assert parts.checkpoint().state_sha256() == whole.checkpoint().state_sha256()
    assert (whole.checkpoint().weights_sha256() == before.weights_sha256()) == (plasticity == 0)


def test_silence_changes_nothing() -> None:
    net = SMALL.create()
    before = net.checkpoint().weights_sha256()
    outputs = net.run(np.zeros((3, SMALL.n_in)))
    assert net.checkpoint().weights_sha256() == before
    assert not net.state.any()
    assert not outputs.any()
    net.run(np.zeros((1, SMALL.n_in)), np.zeros((1, SMALL.n_out)))
    assert net.checkpoint().weights_sha256() == before
    net.run(np.zeros((1, SMALL.n_in)), np.eye(1, SMALL.n_out))
    assert net.checkpoint().weights_sha256() != before


def test_it_responds_before_it_learns() -> None:
    net = SMALL.create()
    frames, teachers = SMALL.given(3)
    net.run(frames[:2], teachers[:2])
    before = net.checkpoint().state_sha256()
    response = net.respond()
    assert net.checkpoint().state_sha256() == before
    assert (net.run(np.zeros_like(frames[:1]), teachers[2:])[0] == response).all()
    assert response.any()


def test_a_fork_reads_what_its_net_has_learnt_since_and_changes_nothing() -> None:
    frames, teachers = PRUNED.given(6)
    net, twin = PRUNED.create(), PRUNED.create()
    net.run(frames[:2], teachers[:2])
    fork = net.fork()
    young = net.checkpoint()
    net.run(frames[2:3], teachers[2:3])
    grown = net.checkpoint()
    response, forked = fork.respond(), fork.fork().run(frames[3:], teachers[3:], plasticity=0)
    assert fork.checkpoint().weights_sha256() == grown.weights_sha256()
    assert (fork.run(frames[3:], teachers[3:], plasticity=0) == forked).all()
    for each in (net, twin):
        each.run(frames[each.tick :], teachers[each.tick :])
    assert net.checkpoint().state_sha256() == twin.checkpoint().state_sha256()

    mixed = {name: (grown if name in ("U", "scale") else young).arrays[name] for name in young.arrays}
    alive = mixed.get("alive", np.ones_like(mixed["U"]))
    mixed["collected"] = np.stack([mixed["x"] @ mixed["U"], mixed["x"] @ alive]).astype(np.float32)
    expected = LiveNet.from_checkpoint(young.extended({}, mixed), kernel="reference")
    assert np.abs(response - expected.respond()).max() < 1e-5
    assert np.abs(forked - expected.run(frames[3:], teachers[3:], plasticity=0)).max() < 1e-5


def test_a_checkpoint_goes_on_exactly_whatever_came_before_it_was_there() -> None:
    check_that_a_checkpoint_goes_on_exactly(PRUNED.create(), *PRUNED.given(4))


def test_with_its_mind_set_aside_it_lives_as_if_it_had_nothing_in_mind() -> None:
    net = SMALL.create()
    frames, teachers = SMALL.given(5)
    net.run(frames[:3], teachers[:3])
    kept = net.checkpoint()
    nothing = {name: np.zeros_like(kept.arrays[name]) for name in ("x", "x_before", "collected")}
    blank = LiveNet.from_checkpoint(net.checkpoint().extended({}, nothing), DEVICE, "cuda")
    with net.aside():
        assert not net.state.any()
        assert (net.run(frames[3:], teachers[3:]) == blank.run(frames[3:], teachers[3:])).all()
    assert net.checkpoint().weights_sha256() == blank.checkpoint().weights_sha256()
    for name in ("x", "x_before"):
        assert (net.checkpoint().arrays[name] == kept.arrays[name]).all()
    law = on_the_reference(net)
    assert np.abs(net.run(frames[:1], plasticity=0) - law.run(frames[:1], plasticity=0)).max() < 1e-5


WAITS = "item", "tolist", "cpu", "numpy", "__bool__", "__int__", "__float__", "__index__", "nonzero"


@pytest.mark.skipif(HAS_GPU, reason="there it is counted for good, below")
def test_a_run_asks_for_numbers_once_and_to_begin_a_snapshot_never(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would make a GPU's host wait is called of no tensor before the outputs are, at the end."""
    monkeypatch.setattr("realnet.kernels.cuda.dense.RING", 4)
    kernel = opened(PRUNED)
    frames, teachers = PRUNED.given(5)
    asked = []
    for name in WAITS:
        plain = getattr(torch.Tensor, name)

        def told(tensor: torch.Tensor, *rest: object, name: str = name, plain: Callable[..., object] = plain) -> object:
            asked.append((name, tuple(tensor.shape)))
            return plain(tensor, *rest)

        monkeypatch.setattr(torch.Tensor, name, told)
    kernel.run(SparseFrames.from_dense(frames), teachers, 0.01)
    begun = kernel.begin_snapshot()
    assert asked == [("numpy", (5, PRUNED.n_out))]
    begun()
    assert ("numpy", (PRUNED.n, PRUNED.n)) in asked


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_GPU, reason="no GPU")
def test_a_run_on_a_gpu_waits_once_and_the_beginning_of_a_snapshot_never() -> None:
    kernel = opened(LARGE)
    frames, teachers = LARGE.given(150)
    given = SparseFrames.from_dense(frames), teachers, 0.01
    kernel.run(*given)  # compiles, and makes the graphs
    kernel.snapshot()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        told.clear()  # that it is a prototype
        try:
            kernel.run(*given)
            assert len(told) <= 1
            told.clear()
            kernel.begin_snapshot()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert not told


def test_a_device_that_is_no_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realnet.kernels.cuda.device.are_interpreted", lambda: False)
    with pytest.raises(ValueError, match="device is 'cpu': the kernel cuda needs a GPU"):
        LiveNet(3, [0], [2], "literal", kernel="cuda")
    with pytest.raises(ValueError, match="device 'cuda:77' is not there"):
        LiveNet(3, [0], [2], "literal", device="cuda:77", kernel="cuda")


def opened(life: Short) -> "CudaDense":
    checkpoint = life.create().checkpoint()
    kernel = open_kernel("cuda", checkpoint.params(), checkpoint.state(), DEVICE)
    assert kernel.name == "cuda"
    return cast("CudaDense", kernel)
