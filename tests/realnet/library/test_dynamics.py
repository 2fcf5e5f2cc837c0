"""What a step does: `temporal` by hand, `ffwf` as a live net ticks."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from realnet import LiveNet, RealNet
from realnet.core.dynamics import arrivals
from realnet.core.state import PRESETS, Preset

every_preset = pytest.mark.parametrize("preset", PRESETS)


def test_temporal_is_tanh_of_all_that_comes_in() -> None:
    model = RealNet(4, input_ids=[2, 0], output_ids=[3], seed=0)
    assert model.B is not None
    with torch.no_grad():
        model.B.uniform_(-1, 1)
    x, h = torch.tensor([[0.5, -2.0], [1.0, 0.0]]), torch.zeros(2, 4)
    states, final = model(x, steps=3)
    for t in range(3):
        total = h @ model.W + model.B
        if t == 0:
            total[:, [2, 0]] += x
        h = total.tanh()
        assert torch.allclose(states[:, t], h, atol=1e-6)
    assert torch.equal(final, states[:, -1])
    assert torch.equal(model.outputs(states), states[:, :, [3]])


@pytest.mark.parametrize(
    ("items", "steps", "pulse", "expected"),
    [
        (1, 3, True, [0, None, None]),
        (1, 3, False, [0, 0, 0]),
        (3, 3, True, [0, 1, 2]),
        (2, 5, True, [0, None, 1, None, None]),
        (2, 5, False, [0, 0, 1, 1, 1]),
    ],
)
def test_the_items_of_a_sequence_are_spread_over_the_steps(
    items: int, steps: int, pulse: bool, expected: list[int | None]
) -> None:
    assert arrivals(items, steps, pulse) == expected


@pytest.mark.parametrize("pulse", [True, False])
def test_a_sequence_is_its_items_one_after_the_other(pulse: bool) -> None:
    model = RealNet(6, [0, 1], [5], pulse_mode=pulse, seed=0)
    x = torch.randn(3, 2, 2)
    states, final = model(x, steps=6)
    first, between = model(x[:, 0], steps=3)
    second, last = model(x[:, 1], steps=3, current_state=between)
    assert torch.allclose(states, torch.cat([first, second], 1), atol=1e-6)
    assert torch.allclose(final, last, atol=1e-6)


def a_life(preset: Preset, seed: int, n_in: int, hidden: int, n_out: int) -> tuple[LiveNet, np.ndarray]:
    """A net that has lived, with neurons in no order and dead synapses, and frames of what may come."""
    random = np.random.default_rng(seed)
    n = n_in + hidden + n_out
    neurons = random.permutation(n).tolist()
    net = LiveNet(n, neurons[:n_in], neurons[n_in : n_in + n_out], preset, seed=seed, winner_fraction=0.3)
    net.prune(random.random((n, n)) < 0.2)
    frames = random.random((40, n_in), dtype=np.float32) * (random.random((40, n_in)) < 0.5)
    net.run(frames[:30], np.eye(n_out, dtype=np.float32)[random.integers(0, n_out, 30)])
    return net, frames[30:].astype(np.float32)


@every_preset
@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.integers(2, 9), st.integers(0, 12), st.integers(2, 5))
def test_ffwf_ticks_as_a_live_net_without_plasticity(
    preset: Preset, seed: int, n_in: int, hidden: int, n_out: int
) -> None:
    net, frames = a_life(preset, seed, n_in, hidden, n_out)
    model = net.to_model()
    state = torch.from_numpy(net.state)[None]
    states, final = model(torch.from_numpy(frames)[None], steps=len(frames), current_state=state)
    said = net.run(frames, plasticity=0.0)
    assert np.abs(model.outputs(states)[0].detach().numpy() - said).max() < 1e-5
    assert np.abs(final[0].detach().numpy() - net.state).max() < 1e-5


@every_preset
def test_a_batch_is_its_rows(preset: Preset) -> None:
    model = RealNet(14, [0, 1, 2], [13, 12], dynamics="ffwf", preset=preset, seed=1)
    x = torch.rand(5, 4, 3)
    together = model(x, steps=8)[0]
    alone = torch.cat([model(row[None], steps=8)[0] for row in x])
    assert torch.allclose(together, alone, atol=1e-6)


def test_the_literal_gradient_is_that_of_finite_differences_where_all_fire() -> None:
    model = RealNet(7, [0, 1, 2], [6], dynamics="ffwf", pulse_mode=False, seed=3).double()
    with torch.no_grad():
        model.W.uniform_(0.1, 1.0, generator=torch.Generator().manual_seed(0))
    x = 0.1 + 0.9 * torch.rand(4, 3)

    def loss() -> torch.Tensor:
        total: torch.Tensor = model(x, steps=4)[0].square().sum()
        return total

    loss().backward()
    assert model.W.grad is not None
    small = 1e-6
    for i, j in ((0, 3), (4, 6), (5, 4), (6, 5)):
        with torch.no_grad():
            model.W[i, j] += small
            above = loss()
            model.W[i, j] -= 2 * small
            below = loss()
            model.W[i, j] += small
        assert float((above - below) / (2 * small)) == pytest.approx(float(model.W.grad[i, j]), abs=1e-5)


def test_a_silent_neuron_can_be_woken() -> None:
    """Of `literal`: it learns, more slowly, though nothing that comes makes it fire."""
    model = RealNet(6, [0, 1, 2], [3, 4, 5], dynamics="ffwf", pulse_mode=False, seed=0)
    with torch.no_grad():
        model.W[:, 5] = -0.1
    optimizer, x = torch.optim.Adam(model.parameters(), 0.03), torch.rand(20, 3)
    assert (model.outputs(model(x, steps=3)[1])[:, 2] == 0).all()
    for _ in range(100):
        optimizer.zero_grad()
        (model.outputs(model(x, steps=3)[1])[:, 2] - x[:, 0]).square().mean().backward()
        optimizer.step()
    assert (model.outputs(model(x, steps=3)[1])[:, 2] > 0).any()


def test_the_gradient_passes_winners_near_their_threshold() -> None:
    model = RealNet(30, [0, 1, 2], [28, 29], dynamics="ffwf", preset="surprise", seed=0, output_scale=0.5)
    states, _ = model(torch.rand(8, 3), steps=3)
    model.outputs(states)[:, :, 0].sum().backward()
    assert model.W.grad is not None
    assert model.W.grad.isfinite().all()
    assert (model.W.grad[:3, 3:28] != 0).any()  # into hidden neurons
    assert (model.W.grad[3:28, 28:] != 0).any()  # into outputs
    assert (model.W.grad[:, :3] == 0).all()  # into inputs: disregarded
