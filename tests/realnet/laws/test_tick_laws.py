"""The laws of a tick, once, for every kernel and every preset."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realnet import LiveNet
from realnet.core.state import Preset
from tests.realnet.laws.lives import every_kernel, every_preset, lives, on_the_reference


@every_kernel
@every_preset
@settings(max_examples=10, deadline=None)
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


@every_kernel
@every_preset
@settings(max_examples=10, deadline=None)
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
@settings(max_examples=10, deadline=None)
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
@settings(max_examples=10, deadline=None)
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
@settings(max_examples=10, deadline=None)
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
@settings(max_examples=10, deadline=None)
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
@settings(max_examples=10, deadline=None)
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
@settings(max_examples=10, deadline=None)
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
@settings(max_examples=10, deadline=None)
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
