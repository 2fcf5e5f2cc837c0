"""Every kernel computes, with every preset, what the reference computes."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from realnet import LiveNet, TokenLearner
from realnet.core.state import PRESETS, Preset
from realnet.tokens.encoder import Encoder
from realnet.vocabulary import Bytes
from tests.realnet.laws.lives import every_kernel, every_preset, lives, on, on_the_reference


@every_kernel
@every_preset
@settings(max_examples=15, deadline=None)
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


TEXT = " ".join(["the quick brown fox jumps over the lazy dog and", "a lazy dog naps"] * 80)[:1500]


def small_learner(preset: Preset, kernel: str) -> TokenLearner:
    """Create a learner of the bytes below 128; with `surprise` its net has hidden neurons.

    At its own rate `literal` would know nothing of so short a text.
    """

    class Ascii(Bytes):
        size = 128

    encoder = Encoder((2, 3), 40, 20 if preset == "literal" else 4, seed=1)
    hidden, rate = 24 if preset == "surprise" else 0, 1e-2 if preset == "literal" else None
    n = 80 + hidden + 128
    return TokenLearner(LiveNet(n, range(80), range(n - 128, n), preset, rate, **on(kernel)), encoder, Ascii())


@pytest.fixture(scope="module", params=PRESETS)
def predicted(request: pytest.FixtureRequest) -> tuple[Preset, NDArray[np.int32]]:
    learner = small_learner(request.param, "reference")
    return request.param, learner.run(learner.vocabulary.encode(TEXT)).predicted


@every_kernel
def test_over_a_long_text_the_predictions_are_those_of_the_reference(
    kernel: str, predicted: tuple[Preset, NDArray[np.int32]]
) -> None:
    learner = small_learner(predicted[0], kernel)
    tokens = learner.vocabulary.encode(TEXT)
    ours = learner.run(tokens).predicted
    assert (ours == predicted[1]).mean() >= 0.995
    assert (ours == tokens).mean() > 0.4  # it is no agreement on nonsense
