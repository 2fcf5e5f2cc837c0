"""The optimizer of fits is PyTorch's own AdamW."""

import torch

from realnet.training.adam import Adam


def test_it_moves_parameters_as_pytorchs_does() -> None:
    random = torch.Generator().manual_seed(0)
    shapes = [(5, 4), (3,)]
    ours, theirs = ([torch.nn.Parameter(torch.ones(shape)) for shape in shapes] for _ in range(2))
    groups = [
        [{"params": parameters[:1], "weight_decay": 0.1}, {"params": parameters[1:], "weight_decay": 0.0}]
        for parameters in (ours, theirs)
    ]
    adam, pytorchs = Adam(groups[0], 0.01), torch.optim.AdamW(groups[1], lr=0.01, fused=True)
    for step in range(20):
        adam.zero_grad()
        gradients = [torch.randn(shape, generator=random) for shape in shapes]
        for parameter, gradient in zip([*ours, *theirs], gradients * 2, strict=True):
            parameter.grad = None if step == 7 and parameter.dim() == 2 else gradient.clone()
        adam.param_groups[1]["lr"] = pytorchs.param_groups[1]["lr"] = 0.001 * (step + 1)
        adam.step()
        pytorchs.step()
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    assert all((parameter != 1).all() for parameter in ours)
