"""LiveNet by itself, as in a notebook."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from realnet import Checkpoint, FrameLearner, LiveNet, from_checkpoint
from realnet.core.state import PRESETS, Preset
from realnet.kernels import SparseFrames

every_preset = pytest.mark.parametrize("preset", PRESETS)


def net_of(preset: Preset = "surprise", seed: int = 0) -> LiveNet:
    """Its neurons are named in no order: 3 inputs, 2 hidden, 2 outputs."""
    return LiveNet(7, input_ids=[5, 0, 3], output_ids=[6, 1], preset=preset, seed=seed)


def some_frames(ticks: int, width: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 2, (ticks, width)).astype(np.float32)


def some_teachers(ticks: int) -> np.ndarray:
    return np.eye(2, dtype=np.float32)[np.random.default_rng(2).integers(0, 2, ticks)]


@every_preset
def test_state_and_weights_are_by_the_callers_numbers(preset: Preset) -> None:
    net = net_of(preset)
    frames, teachers = some_frames(5), some_teachers(5)
    outputs = net.run(frames, teachers)
    assert outputs.shape == (5, 2)
    assert net.tick == 5
    assert (net.state[[5, 0, 3]] == frames[-1]).all()
    assert (net.state[[6, 1]] == teachers[-1]).all()
    weights = net.weights()
    assert weights.shape == (7, 7)
    assert weights.dtype == np.float32
    sums = net.state @ weights
    answer = net.respond()
    assert (sums[6] > sums[1]) == (answer[0] > answer[1])


@every_preset
def test_a_newborn_has_weights_over_the_whole_range(preset: Preset) -> None:
    weights = net_of(preset).weights()
    assert weights.min() == pytest.approx(-2, abs=1e-6)
    assert weights.max() == pytest.approx(2, abs=1e-6)
    assert (weights != net_of(preset, seed=1).weights()).any()
    assert (weights == net_of(preset).weights()).all()


@pytest.mark.parametrize("preset", ["manifesto", "surprise"])
def test_columns_into_inputs_are_only_rescaled(preset: Preset) -> None:
    """They never learn, so they are not stored; with the rest they shrink when a learnt weight passes the range."""
    net = LiveNet(7, [5, 0, 3], [6, 1], preset, learning_rate=50.0)
    before = net.weights()[:, [5, 0, 3]]
    net.run(some_frames(200), some_teachers(200))
    after = net.weights()[:, [5, 0, 3]]
    assert after.max() - after.min() < 3.9
    line = np.polyfit(before.ravel(), after.ravel(), 1)
    assert np.abs(np.polyval(line, before) - after).max() < 1e-5


@every_preset
def test_save_and_load_go_on_exactly(preset: Preset, tmp_path: Path) -> None:
    net = net_of(preset)
    net.learning_rate = 0.01
    net.prune(np.eye(7, dtype=bool))
    net.run(some_frames(20), some_teachers(20))
    net.save(tmp_path / "net.safetensors")
    loaded = LiveNet.load(tmp_path / "net.safetensors")
    assert (loaded.tick, loaded.preset, loaded.learning_rate, loaded.input_ids) == (20, preset, 0.01, (5, 0, 3))
    assert (loaded.state == net.state).all()
    assert (loaded.weights() == net.weights()).all()
    assert (loaded.run(some_frames(9), some_teachers(9)) == net.run(some_frames(9), some_teachers(9))).all()
    assert loaded.checkpoint().state_sha256() == net.checkpoint().state_sha256()


@every_preset
def test_ten_million_ticks_of_rest(preset: Preset) -> None:
    net = net_of(preset)
    net.run(some_frames(20), some_teachers(20))
    before, state = net.checkpoint().weights_sha256(), net.state
    net.rest(10_000_000)
    assert net.tick == 10_000_020
    assert net.checkpoint().weights_sha256() == before
    assert (net.state == state).all()
    with pytest.raises(ValueError, match="at least 0"):
        net.rest(-1)


@pytest.mark.parametrize("preset", ["manifesto", "surprise"])
def test_a_million_computed_ticks_without_a_teacher(preset: Preset) -> None:
    """Plasticity is on and the hidden loops run: no surprise, no change."""
    net = net_of(preset)
    net.run(some_frames(20), some_teachers(20))
    before = net.checkpoint().weights_sha256()
    net.run(np.zeros((1_000_000, 3), np.float32))
    assert net.tick == 1_000_020
    assert net.checkpoint().weights_sha256() == before


BAD_FRAMES = {
    "frames[1, 2] must be a number": [[0, 0, 0], [0, 0, np.nan]],
    "frames[0, 1] must be a number": [[0, np.inf, 0]],
    "frames[0, 0] must be a number": [[1.001, 0, 0]],
    "frames[2, 1] must be a number": [[0, 0, 0], [0, 0, 0], [0, -1e-9, 0]],
    "frames has shape (2, 2), must be (T, 3)": [[0, 0], [0, 0]],
    "frames has shape (3,), must be (T, 3)": [0, 0, 0],
    "frames must be an array of numbers": [[0, 0], [0, 0, 0]],
    "frames must be an array": [["a", "b", "c"]],
}
BAD_TEACHERS = {
    "teachers[0, 1] must be a number in [0, 1] (or all of the row NaN)": [[0, np.nan]],
    "teachers[0, 0] must be a number": [[2, 0]],
    "teachers has shape (1, 3), must be (T, 2)": [[0, 0, 0]],
    "there are 2 teachers for 1 frames": [[0, 0], [0, 0]],
}
GOOD_FRAME = [[0, 1, 0]]
REFUSED = [
    *((message, frames, None, 1.0) for message, frames in BAD_FRAMES.items()),
    *((message, GOOD_FRAME, teachers, 1.0) for message, teachers in BAD_TEACHERS.items()),
    ("plasticity must be", GOOD_FRAME, None, -1.0),
    ("plasticity must be", GOOD_FRAME, None, float("nan")),
    ("index is outside", SparseFrames(np.array([0, 1]), np.array([3], np.int32), np.ones(1, np.float32)), None, 1.0),
    ("ascend", SparseFrames(np.array([0, 2]), np.array([1, 1], np.int32), np.ones(2, np.float32)), None, 1.0),
    ("values", SparseFrames(np.array([0, 1]), np.array([1], np.int32), np.full(1, np.nan, np.float32)), None, 1.0),
    ("offsets", SparseFrames(np.array([0, 2]), np.array([1], np.int32), np.ones(1, np.float32)), None, 1.0),
]


@pytest.mark.parametrize(("message", "frames", "teachers", "plasticity"), REFUSED)
def test_bad_input_is_refused_whole(message: str, frames: object, teachers: object, plasticity: float) -> None:
    net = net_of()
    net.run(some_frames(3), some_teachers(3))
    before = net.checkpoint().state_sha256()
    with pytest.raises(ValueError) as refused:  # noqa: PT011  (checked next)
        net.run(frames, teachers, plasticity)  # type: ignore[arg-type]
    assert message in str(refused.value)
    assert net.checkpoint().state_sha256() == before


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("input_ids is empty", {"input_ids": []}),
        ("output_ids is empty", {"output_ids": []}),
        ("input_ids names a neuron twice", {"input_ids": [1, 1]}),
        ("outside 0 to 9", {"input_ids": [10]}),
        ("outside 0 to 9", {"output_ids": [-1]}),
        ("neuron 9 is both", {"input_ids": [9]}),
        ("preset is 'other'", {"preset": "other"}),
        ("readout is 'other'", {"readout": "other"}),
        ("seed is -1", {"seed": -1}),
        ("learning_rate", {"learning_rate": float("nan")}),
        ("learning_rate", {"learning_rate": -1.0}),
        ("kernel is 'other'", {"kernel": "other"}),
        ("device 'nowhere' is not there", {"device": "nowhere"}),
    ],
)
def test_a_net_that_cannot_be_is_refused(message: str, arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=message):
        LiveNet(**{"num_neurons": 10, "input_ids": [0], "output_ids": [9]} | arguments)  # type: ignore[arg-type]


def test_pruning_is_refused_with_a_bad_mask() -> None:
    with pytest.raises(ValueError, match="array of bool"):
        net_of().prune(np.zeros((7, 6), bool))
    with pytest.raises(ValueError, match="array of bool"):
        net_of().prune(np.zeros((7, 7)))


@every_preset
def test_a_frame_learner_comes_back_from_its_checkpoint(preset: Preset) -> None:
    learner = FrameLearner.create(3, 2, preset)
    outputs = learner.run(some_frames(4), some_teachers(4))
    assert (outputs.tick == [1, 2, 3, 4]).all()
    assert len(outputs[1:3]) == 2
    learner.rest(5)
    assert (learner.idle(2).tick == [10, 11]).all()
    again = from_checkpoint(Checkpoint.from_bytes(learner.checkpoint().to_bytes()))
    assert isinstance(again, FrameLearner)
    expected = learner.run(some_frames(9), some_teachers(9))
    assert (again.run(some_frames(9), some_teachers(9)).values == expected.values).all()
    assert again.checkpoint().state_sha256() == learner.checkpoint().state_sha256()


def forged(**config: object) -> bytes:
    good = net_of().checkpoint()
    return Checkpoint(good.config | config, good.arrays).to_bytes()


def forged_params(**chosen: object) -> bytes:
    return forged(params=net_of().checkpoint().config["params"] | chosen)


def forged_each(key: str, *values: object) -> list[tuple[str, bytes]]:
    """Forge the key of the config with each value; the message must name the key."""
    return [(key, forged(**{key: value})) for value in values]


def forged_arrays(**arrays: np.ndarray) -> bytes:
    good = net_of().checkpoint()
    return Checkpoint(good.config, good.arrays | arrays).to_bytes()


def forged_metadata(text: str) -> bytes:
    return safetensors.numpy.save(dict(net_of().checkpoint().arrays), {"realnet": text})


def without(name: str) -> bytes:
    good = net_of().checkpoint()
    return Checkpoint(good.config, {each: array for each, array in good.arrays.items() if each != name}).to_bytes()


WHOLE = net_of().checkpoint().to_bytes()
ORDER = np.array([5, 0, 3, 2, 4, 6, 1])  # inputs, hidden, outputs
FORGED = [
    ("", b""),
    ("", b"12345678"),
    ("", WHOLE[: len(WHOLE) // 2]),
    ("", WHOLE[:8] + b"x" + WHOLE[9:]),
    ("recursion", (200_000).to_bytes(8, "little") + b'{"a":'.ljust(200_000, b"[")),
    ("recursion", forged_metadata("[" * 200_000)),
    *(("metadata", forged_metadata(text)) for text in ("[]", "null", "-1", '"a"')),
    ("", forged_metadata("{")),
    ("format", forged_metadata("{}")),
    ("format 99", forged(format=99)),
    ("'params' is missing", Checkpoint({"format": 1, "kind": "net", "tick": 0, "learning_rate": 1}, {}).to_bytes()),
    *forged_each("kind", "other", None, []),
    *forged_each("tick", -1, 1.5, True, None, [], 2**63, float("nan")),
    *forged_each("learning_rate", None, "1", True, -1, 1e7, float("nan")),
    ("", forged(params=[])),
    ("", forged_params(more=1)),
    ("preset", forged_params(preset=[])),
    *(("beta", forged_params(beta=beta)) for beta in (float("nan"), float("inf"), None, "8")),
    ("winner_fraction", forged_params(winner_fraction=3.0)),  # a kernel would read beyond its arrays
    *(("seed", forged_params(seed=seed)) for seed in (1.5, -1, None)),
    *(("order", forged_params(num_neurons=number)) for number in (8, 7.5, 10**12, "7")),
    *(("inputs and", forged_params(n_in=number)) for number in (-1, 0, 6, 1.5, True, None)),
    ("array order", forged_arrays(order=ORDER[:0])),
    ("array order", forged_arrays(order=ORDER[None])),
    ("array order", forged_arrays(order=ORDER * 1.0)),
    ("array order", forged_arrays(order=ORDER[[0, 1, 2, 4, 3, 5, 6]])),
    ("twice", forged_arrays(order=ORDER * 0)),
    ("outside", forged_arrays(order=ORDER + 1)),
    *(("array x is", forged_arrays(x=x)) for x in (np.zeros(8, np.float32), np.zeros(7), np.zeros(7, np.int32))),
    ("array U holds", forged_arrays(U=np.full((7, 4), np.nan, np.float32))),
    *(("array scale holds", forged_arrays(scale=np.array([1.0, 0.0, each, 2.0]))) for each in (np.nan, np.inf)),
    ("array scale must begin", forged_arrays(scale=np.zeros(4))),
    ("array alive is", forged_arrays(alive=np.zeros((7, 4), np.float32))),
    ("array U is missing", without("U")),
    ("order", without("order")),
]


@pytest.mark.parametrize("number", range(len(FORGED)))
def test_a_file_that_is_no_checkpoint_is_refused_in_one_line(number: int, tmp_path: Path) -> None:
    message, data = FORGED[number]
    file = tmp_path / "forged"
    file.write_bytes(data)
    for read in (lambda: Checkpoint.from_bytes(data), lambda: LiveNet.load(file)):
        with pytest.raises(ValueError, match="RealNet checkpoint") as refused:
            read()
        assert message in str(refused.value)
        assert "\n" not in str(refused.value)


def test_a_net_is_no_learner() -> None:
    with pytest.raises(ValueError, match="kind 'net'"):
        from_checkpoint(net_of().checkpoint())
