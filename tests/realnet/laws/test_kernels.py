"""The laws of a tick, once, for every kernel and every preset."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from realnet import LiveNet, TokenLearner
from realnet.core.state import PRESETS, Preset
from realnet.tokens.encoder import Encoder
from realnet.vocabulary import Vocabulary

torch.set_num_threads(1)  # a second one costs more than it brings at these sizes

Array = NDArray[np.float32]

KERNELS = [
    "cpu",
    "torch",
    pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]),
]
LITERAL_RATES, RATES = st.sampled_from([1e-3, 1e-2, 0.1]), st.sampled_from([0.3, 2.5, 8.0])

every_kernel = pytest.mark.parametrize("kernel", KERNELS)
every_preset = pytest.mark.parametrize("preset", PRESETS)


class Place(TypedDict):
    """The arguments of `LiveNet` that say where it runs."""

    kernel: str
    device: NotRequired[str]


def on(kernel: str) -> Place:
    """The arguments that put a net on a kernel."""
    return {"device": "cuda", "kernel": "torch"} if kernel == "cuda" else {"kernel": kernel}


@dataclass
class Life:
    """A net, and what happens to it."""

    preset: Preset
    create: Callable[[str], LiveNet]
    frames: Array
    teachers: Array
    dead: NDArray[np.bool_] | None


@st.composite
def lives(draw: st.DrawFn, preset: Preset, ticks: int) -> Life:
    n_in, hidden, n_out = draw(st.integers(2, 12)), draw(st.integers(0, 12)), draw(st.integers(2, 6))
    n, seed = n_in + hidden + n_out, draw(st.integers(0, 2**32))
    random = np.random.default_rng(seed)
    neurons = random.permutation(n).tolist()
    readout: Literal["softmax", "clamp"] = draw(st.sampled_from(["softmax", "clamp"]))
    rate = draw(LITERAL_RATES if preset == "literal" else RATES)

    def create(kernel: str) -> LiveNet:
        net = LiveNet(
            num_neurons=n,
            input_ids=neurons[:n_in],
            output_ids=neurons[n_in : n_in + n_out],
            preset=preset,
            learning_rate=rate,
            seed=seed,
            readout=readout,
            output_scale=0.3,
            **on(kernel),
        )
        if dead is not None:
            net.prune(dead)
        return net

    dead = random.random((n, n)) < 0.3 if draw(st.booleans()) else None
    frames = random.random((ticks, n_in)) * (random.random((ticks, n_in)) < draw(st.sampled_from([0.2, 0.6, 1.0])))
    teachers = np.eye(n_out)[random.integers(0, n_out, ticks)]
    if draw(st.booleans()):
        frames = np.ceil(frames)
    elif readout == "clamp":
        teachers = random.random((ticks, n_out))
    teachers[random.random(ticks) < draw(st.sampled_from([0.0, 0.3]))] = np.nan
    return Life(preset, create, frames.astype(np.float32), teachers.astype(np.float32), dead)


def on_the_reference(net: LiveNet) -> LiveNet:
    return LiveNet.from_checkpoint(net.checkpoint(), kernel="reference")


@every_kernel
@every_preset
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_tick_is_that_of_the_reference(kernel: str, preset: Preset, data: st.DataObject) -> None:
    life = data.draw(lives(preset, ticks=12))
    net = life.create(kernel)
    for frame, teacher in zip(life.frames, life.teachers, strict=True):
        before = net.checkpoint().state()
        law = on_the_reference(net)
        expected = law.run(frame[None], teacher[None])
        assert np.abs(net.run(frame[None], teacher[None]) - expected).max() < 1e-5
        assert np.abs(net.weights() - law.weights()).max() < 1e-5
        ours, its = net.checkpoint().state(), law.checkpoint().state()
        losers = its.margins[its.margins < 0]
        assume(not losers.size or losers.max() < -1e-4)  # else who fires is decided by rounding
        assert np.abs(net.state - law.state).max() < 1e-5
        assert np.abs(ours.margins - its.margins).max(initial=0) < 1e-4
        assert np.abs(ours.thresholds - its.thresholds).max(initial=0) < 1e-5
        assert (ours.x_before == before.x).all()
        assert (ours.x[: len(frame)] == frame).all()


@pytest.mark.parametrize("learning_rate", [1e-3, 1e-2])
@every_kernel
def test_the_literal_kernel_stays_with_the_reference(kernel: str, learning_rate: float) -> None:
    """The tolerances were measured for these rates: the driven map contracts."""
    random = np.random.default_rng(0)
    nets = [
        LiveNet(128, range(16), range(120, 128), "literal", learning_rate, **on(name)) for name in (kernel, "reference")
    ]
    frames, teachers = random.random((200, 16)), random.random((200, 8))
    for ticks, tolerance in ((5, 1e-5), (15, 5e-5), (30, 2e-4), (150, 1e-3)):
        for net in nets:
            net.run(frames[:ticks], teachers[:ticks])
        assert np.abs(nets[0].state - nets[1].state).max() < tolerance
        frames, teachers = frames[ticks:], teachers[ticks:]


TEXT = " ".join(["the quick brown fox jumps over the lazy dog and", "a lazy dog naps"] * 80)[:5000]


def small_learner(preset: Preset, kernel: str) -> TokenLearner:
    """Of the bytes below 128, with hidden neurons but for `manifesto`."""

    class Ascii(Vocabulary):
        size = 128

    encoder = Encoder((2, 3), 40, 20 if preset == "literal" else 4, seed=1)
    hidden = 24 if preset == "surprise" else 0
    n = 80 + hidden + 128
    return TokenLearner(LiveNet(n, range(80), range(n - 128, n), preset, **on(kernel)), encoder, Ascii())


@pytest.fixture(scope="module", params=PRESETS)
def predicted(request: pytest.FixtureRequest) -> tuple[Preset, NDArray[np.int32]]:
    learner = small_learner(request.param, "reference")
    return request.param, learner.run(learner.vocabulary.encode(TEXT)).predicted


@every_kernel
def test_over_5000_tokens_the_predictions_are_those_of_the_reference(
    kernel: str, predicted: tuple[Preset, NDArray[np.int32]]
) -> None:
    learner = small_learner(predicted[0], kernel)
    tokens = learner.vocabulary.encode(TEXT)
    ours = learner.run(tokens).predicted
    assert len(tokens) == 5000
    assert (ours == predicted[1]).mean() >= 0.995
    assert (ours == tokens).mean() > 0.4  # it is no agreement on nonsense


@every_kernel
@every_preset
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_many_calls_are_one_call(kernel: str, preset: Preset, data: st.DataObject) -> None:
    life = data.draw(lives(preset, ticks=9))
    plasticity = data.draw(st.sampled_from([0.0, 0.5, 1.0]))
    whole, parts = life.create(kernel), life.create(kernel)
    at_once = whole.run(life.frames, life.teachers, plasticity)
    cut = data.draw(st.integers(0, 9))
    pieces = [slice(0, cut), *(slice(t, t + 1) for t in range(cut, 9))]
    one_by_one = [parts.run(life.frames[piece], life.teachers[piece], plasticity) for piece in pieces]
    assert (np.vstack(one_by_one) == at_once).all()
    assert parts.checkpoint().state_sha256() == whole.checkpoint().state_sha256()


@pytest.mark.parametrize("pruned", [False, True])
def test_the_bits_do_not_depend_on_the_number_of_threads(pruned: bool) -> None:
    random = np.random.default_rng(0)
    frames, teachers, dead = random.random((30, 50)), random.random((30, 30)), random.random((300, 300)) < 0.3
    hashes = set()
    for threads in (1, 2):
        net = LiveNet(300, range(50), range(270, 300), "literal", 0.01, threads=threads)
        if pruned:
            net.prune(dead)
        outputs = net.run(frames, teachers)
        hashes.add((net.checkpoint().state_sha256(), outputs.tobytes()))
    assert len(hashes) == 1


@every_kernel
@every_preset
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_silence_changes_nothing(kernel: str, preset: Preset, data: st.DataObject) -> None:
    life = data.draw(lives(preset, ticks=5))
    net = life.create(kernel)
    before = net.checkpoint().weights_sha256()
    outputs = net.run(np.zeros_like(life.frames))
    assert net.checkpoint().weights_sha256() == before
    assert not net.state.any()
    assert (outputs == outputs[0, 0]).all()


@every_kernel
@pytest.mark.parametrize("preset", ["manifesto", "surprise"])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_without_a_teacher_nothing_is_learnt(kernel: str, preset: Preset, data: st.DataObject) -> None:
    life = data.draw(lives(preset, ticks=20))
    net = life.create(kernel)
    net.run(life.frames[:10], life.teachers[:10])
    before = net.checkpoint()
    net.run(life.frames[10:])
    after = net.checkpoint()
    assert after.weights_sha256() == before.weights_sha256()
    assert (after.state().thresholds == before.state().thresholds).all()


@every_kernel
@every_preset
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_without_plasticity_nothing_is_learnt(kernel: str, preset: Preset, data: st.DataObject) -> None:
    life = data.draw(lives(preset, ticks=20))
    net = life.create(kernel)
    net.run(life.frames[:10], life.teachers[:10])
    before = net.checkpoint().weights_sha256()
    net.run(life.frames[10:], life.teachers[10:], plasticity=0)
    assert net.checkpoint().weights_sha256() == before


@every_kernel
@every_preset
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_weights_stay_in_their_range_and_the_dead_stay_dead(kernel: str, preset: Preset, data: st.DataObject) -> None:
    life = data.draw(lives(preset, ticks=20))
    net = life.create(kernel)
    net.run(life.frames, life.teachers, plasticity=3.0)
    weights = net.weights()
    assert np.abs(weights).max() <= 2 + 1e-5
    if life.dead is not None:
        stored = life.dead if preset == "literal" else np.delete(life.dead, net.input_ids, axis=1)
        dead = weights if preset == "literal" else np.delete(weights, net.input_ids, axis=1)
        assert (dead[stored] == 0).all()
        assert (dead[~stored] != 0).any()


@every_kernel
@every_preset
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_it_responds_before_it_learns(kernel: str, preset: Preset, data: st.DataObject) -> None:
    life = data.draw(lives(preset, ticks=8))
    net = life.create(kernel)
    net.run(life.frames[:-1], life.teachers[:-1])
    before = net.checkpoint().state_sha256()
    response = net.respond()
    assert net.checkpoint().state_sha256() == before
    frame = life.frames[-1:] * (preset != "literal")  # the outputs of `literal` are normalised with the frame
    assert (net.run(frame, life.teachers[-1:])[0] == response).all()


@every_kernel
@every_preset
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_fork_reads_what_its_net_has_learnt_since_and_changes_nothing(
    kernel: str, preset: Preset, data: st.DataObject
) -> None:
    life = data.draw(lives(preset, ticks=12))
    net, twin = life.create(kernel), life.create(kernel)
    net.run(life.frames[:4], life.teachers[:4])
    fork = net.fork()
    net.run(life.frames[4:8], life.teachers[4:8])
    forked = fork.run(life.frames[8:], life.teachers[8:], plasticity=0)
    net.run(life.frames[8:], life.teachers[8:])
    twin.run(life.frames, life.teachers)
    assert net.checkpoint().state_sha256() == twin.checkpoint().state_sha256()

    # The fork's state over the matrix of that time.
    then = life.create(kernel)
    then.run(life.frames[:4], life.teachers[:4])
    young = then.checkpoint()
    then.run(life.frames[4:8], life.teachers[4:8])
    grown = then.checkpoint()
    mixed = young.arrays | {name: grown.arrays[name] for name in ("U", "scale")}
    living = np.ones_like(mixed["U"]) if "alive" not in mixed else mixed["alive"]
    if preset == "literal":
        mixed["collected"] = np.stack([mixed["x"] @ mixed["U"], mixed["x"] @ living]).astype(np.float32)
    expected = LiveNet.from_checkpoint(young.extended({}, mixed), net.device, net.kernel)
    difference = forked - expected.run(life.frames[8:], life.teachers[8:], plasticity=0)
    assert np.abs(difference).max() < 1e-5
    with pytest.raises(ValueError, match="plasticity=0"):
        fork.run(life.frames[:1])


@every_kernel
@every_preset
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_checkpoint_goes_on_exactly(kernel: str, preset: Preset, data: st.DataObject) -> None:
    life = data.draw(lives(preset, ticks=12))
    net = life.create(kernel)
    net.run(life.frames[:6], life.teachers[:6])
    again = LiveNet.from_checkpoint(net.checkpoint(), net.device, net.kernel)
    assert again.checkpoint().state_sha256() == net.checkpoint().state_sha256()
    expected = net.run(life.frames[6:], life.teachers[6:])
    assert (again.run(life.frames[6:], life.teachers[6:]) == expected).all()
    assert again.checkpoint().state_sha256() == net.checkpoint().state_sha256()


@every_kernel
@every_preset
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_with_its_mind_set_aside_it_lives_as_if_it_had_nothing_in_mind(
    kernel: str, preset: Preset, data: st.DataObject
) -> None:
    life = data.draw(lives(preset, ticks=12))
    net = life.create(kernel)
    net.run(life.frames[:6], life.teachers[:6])
    before = net.checkpoint()
    names = ("x", "x_before", "margins")
    empty = {name: np.zeros_like(before.arrays[name]) for name in (*names, "collected")}
    blank = LiveNet.from_checkpoint(before.extended({}, empty), net.device, net.kernel)
    kept = {name: before.arrays[name].copy() for name in names}
    with net.aside():
        assert not net.state.any()
        said = net.run(life.frames[6:], life.teachers[6:])
    assert (said == blank.run(life.frames[6:], life.teachers[6:])).all()
    after, expected = net.checkpoint(), blank.checkpoint()
    assert after.weights_sha256() == expected.weights_sha256()
    assert after.tick == expected.tick
    for name in names:
        assert (after.arrays[name] == kept[name]).all()
    frame = np.zeros_like(life.frames[:1])
    law = on_the_reference(net).run(frame)
    assert np.abs(net.run(frame, plasticity=0) - law).max() < 1e-4
