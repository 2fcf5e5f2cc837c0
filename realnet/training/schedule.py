"""What changes over a fit as a plain function of its progress, from 0 to 1: nothing to store, nothing to resume."""

import torch

from realnet.core.network import RealNet
from realnet.training.adam import Adam

_SLOWING = 0.3  # of a fit, its end, in which the learning rate falls
PRUNED = 0.7  # of a fit, until its target sparsity is reached; the rest is for the survivors to recover


def default_learning_rate(model: RealNet) -> float:
    """Return the rate that suits AdamW, which moves all N synapses of a neuron by about this much at once.

    Weights of `temporal` are about 1 / sqrt(N) in the beginning; those of `ffwf` have their range of [-2, 2] to fill.
    """
    return (0.25 if model.dynamics == "temporal" else 1.0) / model.num_neurons


def rate_at(progress: float, living: float) -> float:
    """Return the learning rate's factor: 1, and at the end of the fit in a straight line to 0.

    It is divided by the share of synapses that live: what bounds it is how many of a neuron's synapses move at once.
    """
    return min(1.0, (1.0 - progress) / _SLOWING) / living


def sparsity_at(progress: float, target: float) -> float:
    """Return the share of synapses that should be dead by now: it grows fast while many are idle, then slowly."""
    return target * (1 - (1 - min(1.0, progress / PRUNED)) ** 3)


class Rates:
    """The learning rates of an optimizer, which a fit changes and then puts back."""

    def __init__(self, optimizer: torch.optim.Optimizer | Adam) -> None:
        self._groups = optimizer.param_groups
        self._own = [group["lr"] for group in self._groups]

    def set(self, progress: float, living: float = 1.0) -> None:
        """Make them what they are at this progress of a fit; `living` is as in `rate_at`."""
        factor = rate_at(progress, living)
        for group, rate in zip(self._groups, self._own, strict=True):
            group["lr"] = rate * factor

    def restore(self) -> None:
        """Make them what they were."""
        for group, rate in zip(self._groups, self._own, strict=True):
            group["lr"] = rate
