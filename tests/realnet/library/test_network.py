"""RealNet as a PyTorch module."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

import realnet
from realnet import LiveNet, RealNet
from realnet.core.state import PRESETS, Preset


def test_shapes_and_nothing_kept_between_calls() -> None:
    model = RealNet(10, input_ids=[0, 1], output_ids=[9, 4])
    x = torch.randn(3, 2)
    states, final = model(x, steps=5)
    assert states.shape == (3, 5, 10)
    assert final.shape == (3, 10)
    assert model.outputs(states).shape == (3, 5, 2)
    assert torch.equal(model.outputs(final), final[:, [9, 4]])
    assert torch.equal(model(x, steps=5)[0], states)
    assert torch.allclose(
        model(torch.zeros(3, 2), steps=1, current_state=final)[1], (final @ model.W).tanh(), atol=1e-6
    )
    assert (model.num_neurons, model.input_ids, model.output_ids) == (10, [0, 1], [9, 4])
    assert [tuple(parameter.shape) for parameter in model.parameters()] == [(10, 10), (10,)]


def test_a_seed_decides_the_weights_and_without_one_pytorchs_generator() -> None:
    assert torch.equal(RealNet(9, [0], [1], seed=4).W, RealNet(9, [0], [1], seed=4).W)
    assert not torch.equal(RealNet(9, [0], [1], seed=4).W, RealNet(9, [0], [1], seed=5).W)
    torch.manual_seed(1)
    first, second = RealNet(9, [0], [1]), RealNet(9, [0], [1])
    torch.manual_seed(1)
    assert torch.equal(RealNet(9, [0], [1]).W, first.W)
    assert not torch.equal(first.W, second.W)


@pytest.mark.parametrize("seed", range(4))
def test_temporal_weights_begin_as_a_rotation(seed: int) -> None:
    W = RealNet(30, [0], [1], seed=seed).W.detach()
    assert torch.allclose(W @ W.t(), torch.eye(30), atol=1e-5)
    assert float(torch.linalg.det(W)) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_ids": []}, "input_ids is empty"),
        ({"input_ids": [0, 0]}, "names a neuron twice"),
        ({"output_ids": [5]}, "outside 0 to 4"),
        ({"input_ids": [-1]}, "outside 0 to 4"),
        ({"output_ids": [0]}, "both an input and an output"),
        ({"input_ids": [0.5]}, "whole numbers"),
        ({"num_neurons": "5"}, "whole numbers"),
        ({"dropout_rate": 1.0}, "dropout_rate is 1.0"),
        ({"dropout_rate": float("nan")}, "dropout_rate is nan"),
        ({"device": "nowhere"}, "'nowhere' is not there"),
        ({"dynamics": "other"}, "must be temporal or ffwf"),
        ({"preset": "other"}, "must be one of literal"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"num_neurons": 5, "input_ids": [0, 1], "output_ids": [4]}
    with pytest.raises(ValueError, match=message):
        RealNet(**(good | arguments))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: model(torch.ones(2, 1)), r"has shape \(2, 1\), must be \(batch, 2\)"),
        (lambda model: model(torch.ones(2, 3)), "has shape"),
        (lambda model: model(torch.ones(2)), "has shape"),
        (lambda model: model(torch.ones(0, 2)), "is empty"),
        (lambda model: model(torch.ones(2, 0, 2)), "is empty"),
        (lambda model: model(torch.tensor([[0.0, torch.nan]])), "not finite"),
        (lambda model: model(torch.ones(2, 2), steps=0), "steps is 0"),
        (lambda model: model(torch.ones(2, 4, 2), steps=3), "the sequence has 4 items"),
        (lambda model: model(torch.ones(2, 2), current_state=torch.ones(1, 5)), r"must be \(2, 5\)"),
        (lambda model: model(torch.ones(1, 2), current_state=torch.full((1, 5), torch.inf)), "not finite"),
        (lambda model: model.prune_synapses(-1.0), "threshold is -1.0"),
        (lambda model: model.prune_synapses(float("nan")), "threshold is nan"),
        (lambda model: model.kill_synapses(torch.ones(5, dtype=torch.bool)), r"must be a \(5, 5\) tensor of bool"),
    ],
)
def test_wrong_calls_are_refused_and_change_nothing(call: Callable[[RealNet], Any], message: str) -> None:
    model = RealNet(5, [0, 1], [4], seed=0)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=message):
        call(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_ffwf_takes_frames_only() -> None:
    with pytest.raises(ValueError, match=r"must be in \[0, 1\]"):
        RealNet(5, [0, 1], [4], dynamics="ffwf")(torch.tensor([[0.5, -0.1]]))


@pytest.mark.parametrize("dynamics", ["temporal", "ffwf"])
def test_dropout_fails_synapses_in_training_and_never_what_is_read(dynamics: Any) -> None:
    model = RealNet(40, range(20), [39], dropout_rate=0.5, dynamics=dynamics, pulse_mode=False, seed=0)
    x = torch.rand(64, 20)
    noisy, noisy_too = model(x, steps=4)[0], model(x, steps=4)[0]
    model.eval()
    quiet = model(x, steps=4)[0]
    assert torch.equal(quiet, model(x, steps=4)[0])
    assert not torch.equal(noisy, noisy_too)
    assert torch.equal(noisy[:, 0], quiet[:, 0])  # nothing has been sent yet
    if dynamics == "temporal":
        assert (noisy[:, 1:] != 0).all()


@pytest.mark.parametrize("kind", [{}, {"dynamics": "ffwf"}, {"dynamics": "ffwf", "preset": "surprise"}], ids=str)
def test_mixed_precision_is_near(kind: dict[str, Any]) -> None:
    model = RealNet(30, range(5), [28, 29], seed=0, **kind)
    x = torch.rand(4, 5)
    exact = model(x, steps=3)[0]
    with torch.autocast("cpu", torch.bfloat16):
        states, _ = model(x, steps=3)
    assert (states - exact).abs().mean() < 0.01
    states.float().sum().backward()
    assert model.W.grad is not None
    assert model.W.grad.dtype == torch.float32


def test_weights_of_ffwf_stay_in_their_range() -> None:
    model = RealNet(6, [0, 1], [5], dynamics="ffwf", seed=0)
    with torch.no_grad():
        model.W.add_(3.0)
    model(torch.rand(1, 2))
    assert model.W.max() == 2.0


@pytest.mark.parametrize("dynamics", ["temporal", "ffwf"])
def test_save_and_load_give_the_same_model(dynamics: Any, tmp_path: Path) -> None:
    model = RealNet(8, [5, 0, 3], [6, 1], False, 0.25, dynamics=dynamics, preset="manifesto", seed=7, beta=2.0)
    model.prune_synapses(0.2)
    model.save(tmp_path / "model.safetensors")
    loaded = RealNet.load(tmp_path / "model.safetensors")
    x = torch.rand(4, 3)
    model.eval(), loaded.eval()
    assert torch.equal(loaded(x, steps=5)[0], model(x, steps=5)[0])
    assert (loaded.params, loaded.dynamics, loaded.pulse_mode) == (model.params, dynamics, False)
    assert loaded.dropout_rate == 0.25
    assert loaded.prune_synapses(0.0) == (0, *model.prune_synapses(0.0)[1:])


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="not a file of a RealNet"):
        RealNet.load(path)
    safetensors.torch.save_file({"W": torch.ones(2, 2)}, path)
    with pytest.raises(ValueError, match="not a file of a RealNet"):
        RealNet.load(path)
    RealNet(3, [0], [1]).make_sparse().save(path)
    with pytest.raises(ValueError, match="it holds a SparseRealNet"):
        RealNet.load(path)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # PyTorch's own
def test_a_compiled_model_is_the_same_model() -> None:
    model = RealNet(12, [0, 1], [11], seed=0)
    x = torch.randn(4, 2)
    before, names = model(x, steps=6)[0], list(model.state_dict())
    assert model.compile(backend="aot_eager") is model
    assert torch.allclose(model(x, steps=6)[0], before, atol=1e-6)
    assert list(model.state_dict()) == names
    model(x, steps=6)[1].sum().backward()
    assert model.W.grad is not None


@pytest.mark.parametrize("options", [{"dynamics": "temporal"}, {}, {"preset": "literal"}], ids=str)
def test_what_cuda_graphs_return_is_kept_before_they_run_again(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    """They write into the same memory each time."""
    options = {"dynamics": "ffwf"} | options

    def graphed(step: Callable[..., Any], **_: Any) -> Callable[..., Any]:
        kept: list[torch.Tensor] = []

        def run(*given: Any) -> Any:
            said = step(*given)
            returned = list(said) if isinstance(said, tuple) else [said]
            kept[:] = [
                old.copy_(new) for old, new in zip(kept or [each.clone() for each in returned], returned, strict=True)
            ]
            return tuple(kept) if isinstance(said, tuple) else kept[0]

        return run

    model = RealNet(12, [0, 1], [11], seed=0, **options)
    x = torch.rand(2, 2)
    with torch.no_grad():
        before = model(x, steps=6)
        monkeypatch.setattr(torch, "compile", graphed)
        after = model.compile(mode="reduce-overhead", dynamic=False)(x, steps=6)
    assert all(torch.equal(*both) for both in zip(before, after, strict=True))


def test_without_a_compiler_a_model_stays_as_it_was() -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("no compiler here")

    model = RealNet(12, [0, 1], [11], seed=0)
    before = model(torch.ones(4, 2), steps=6)[0]
    with pytest.warns(UserWarning, match="stays uncompiled"):
        model.compile(backend=broken)
    assert torch.equal(model(torch.ones(4, 2), steps=6)[0], before)


def test_copies_are_of_their_own() -> None:
    model = RealNet(12, [0, 1], [11], seed=0)
    model.prune_synapses(0.1)
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.W.add_(1.0)
    x = torch.ones(1, 2)
    assert not torch.equal(other(x, steps=3)[0], model(x, steps=3)[0])
    assert (other.W[~other.alive] == 0).all()


@pytest.mark.parametrize("preset", PRESETS)
def test_a_live_net_wraps_a_model(preset: Preset) -> None:
    model = RealNet(20, range(8), [19, 9], False, dynamics="ffwf", preset=preset, seed=0, beta=2.0)
    with torch.no_grad():
        model.W[:, 8:] = torch.rand(20, 12) - 0.4
    model.prune_synapses(0.02)
    frames = np.random.default_rng(0).integers(0, 2, (30, 8)).astype(np.float32)
    expected = model.outputs(model(torch.from_numpy(frames)[None], steps=30)[0])[0].detach().numpy()

    live = LiveNet.from_model(model)
    assert np.abs(live.run(frames, plasticity=0.0) - expected).max() < 1e-5
    assert ((live.weights() == 0)[:, 8:] == ~model.alive.numpy()[:, 8:]).all()
    assert live.learning_rate == LiveNet(20, range(8), [19, 9], preset).learning_rate

    # A tick that learns next to nothing leaves it the net that it was: the weights are not rescaled.
    teachers = np.full((30, 2), 0.5)
    expected = LiveNet.from_model(model).run(frames, teachers, plasticity=0.0)
    live = LiveNet.from_model(model, learning_rate=1e-9, threshold_rate=0.0)
    assert np.abs(live.run(frames, teachers) - expected).max() < 1e-5
    assert np.abs(live.weights()[:, 8:] - model.W.detach().numpy()[:, 8:]).max() < 1e-5

    again = live.to_model()
    assert torch.allclose(again.W[:, 8:], model.W[:, 8:], atol=1e-5)
    assert torch.equal(again.alive[:, 8:], model.alive[:, 8:])


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Layer'"):
        realnet.Layer  # noqa: B018


def test_only_ffwf_lives() -> None:
    with pytest.raises(ValueError, match="dynamics are temporal"):
        LiveNet.from_model(RealNet(3, [0], [1]))
