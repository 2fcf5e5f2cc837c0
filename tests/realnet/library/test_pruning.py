"""Dead synapses: how many, and that they stay dead."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from realnet import RealNet, SynapticPruner

OPTIMIZERS: list[Callable[..., torch.optim.Optimizer]] = [
    lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
    lambda p: torch.optim.Adam(p, 0.1, amsgrad=True),
    lambda p: torch.optim.AdamW(p, 0.1, weight_decay=0.1),
    lambda p: torch.optim.AdamW(p, 0.1, fused=True),
    lambda p: torch.optim.AdamW(p, 0.1, foreach=True),
    lambda p: torch.optim.RMSprop(p, 0.01, momentum=0.9),
    lambda p: torch.optim.Adagrad(p, 0.1),
    lambda p: torch.optim.NAdam(p, 0.1),
]


def test_the_weak_die_by_a_threshold() -> None:
    model = RealNet(10, [0, 1], [9], seed=0)
    weak = int((model.W.abs() < 0.1).sum())
    assert SynapticPruner.prune(model, threshold=0.1) == (weak, weak, 100)
    assert SynapticPruner.prune(model, threshold=0.1) == (0, weak, 100)
    pruned, dead, total = model.prune_synapses(0.3)
    assert (dead, total) == (pruned + weak, 100)
    assert (model.W == 0).sum() == (~model.alive).sum() == dead
    assert SynapticPruner.prune(RealNet(10, [0], [9]))[2] == 100


@pytest.mark.parametrize(("fraction", "dead"), [(0.0, 0), (0.5, 50), (0.953, 95), (1.0, 100)])
def test_the_weakest_die_until_enough_are_dead(fraction: float, dead: int) -> None:
    model = RealNet(10, [0, 1], [9], seed=0)
    strength = model.W.detach().abs()
    assert SynapticPruner.prune_to(model, fraction) == (dead, dead, 100)
    if 0 < dead < 100:
        assert strength[~model.alive].max() <= strength[model.alive].min()
    assert SynapticPruner.prune_to(model, fraction / 2) == (0, dead, 100)


def test_equally_weak_synapses_die_one_by_one() -> None:
    model = RealNet(10, [0, 1], [9], seed=0)
    with torch.no_grad():
        model.W.fill_(0.5)
    assert SynapticPruner.prune_to(model, 0.3) == (30, 30, 100)
    assert not model.alive[:3].any()
    assert SynapticPruner.prune_to(model, 0.6) == (30, 60, 100)


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_a_fraction_is_in_0_to_1(fraction: float) -> None:
    with pytest.raises(ValueError, match="must be in"):
        SynapticPruner.prune_to(RealNet(3, [0], [1]), fraction)


@pytest.mark.parametrize("dynamics", ["temporal", "ffwf"])
@pytest.mark.parametrize("optimizer_of", OPTIMIZERS)
def test_the_dead_stay_dead_through_any_optimizer(optimizer_of: Any, dynamics: Any) -> None:
    """Whose momentum of before their death goes on moving them, in a loop that knows nothing of it."""
    model = RealNet(12, [0, 1, 2], [11], dynamics=dynamics, pulse_mode=False, seed=0)
    optimizer, x = optimizer_of(list(model.parameters())), torch.rand(6, 3)

    def steps(count: int) -> None:
        for _ in range(count):
            for _ in range(2):  # accumulation
                (model.outputs(model(x, steps=4)[1]) - 0.7).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()

    steps(3)
    SynapticPruner.prune_to(model, 0.6)
    dead = ~model.alive
    steps(3)
    (model.outputs(model(x, steps=4)[1]) - 0.7).square().mean().backward()
    assert model.W.grad is not None
    assert (model.W.grad[dead] == 0).all()
    assert (model.W[dead] == 0).all()
    assert torch.equal(~model.alive, dead)

    for _ in range(2):
        with torch.no_grad():
            model(x, steps=1)  # between gradient and step
        optimizer.step()
        optimizer.zero_grad()
        clean = model.W.detach().masked_fill(dead, 0.0)
        with torch.no_grad():
            said = model(x, steps=4)[0]
            model.W.copy_(clean)
            assert torch.equal(model(x, steps=4)[0], said)
        steps(1)


@pytest.mark.parametrize("dynamics", ["temporal", "ffwf"])
def test_looking_at_a_model_does_not_disturb_a_gradient_in_the_making(dynamics: Any) -> None:
    model = RealNet(12, [0, 1, 2], [11], dynamics=dynamics, seed=0)
    loss = model(torch.ones(2, 3), steps=4)[0].sum()
    with torch.no_grad():
        model(torch.ones(2, 3), steps=4)
    loss.backward()


def test_the_dead_stay_dead_when_loaded() -> None:
    model, other = RealNet(12, [0], [11], seed=0), RealNet(12, [0], [11], seed=1)
    model.prune_synapses(0.2)
    dead = ~model.alive
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        other.W.add_(1.0)
        other(torch.ones(1, 1))
    assert (other.W[dead] == 0).all()
    assert (other.W[~dead] != 0).all()
