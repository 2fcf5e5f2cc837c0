"""Darwinian pruning: weak synapses die and stay dead."""

from __future__ import annotations

import torch

from realnet.core.network import RealNet


class SynapticPruner:
    """Both ways of saying how many synapses shall die; either returns (pruned_count, total_dead, total_synapses)."""

    @staticmethod
    def prune(model: RealNet, threshold: float = 0.001) -> tuple[int, int, int]:
        """Kill every synapse with |W| < threshold.

        What a threshold kills depends on N and on the training: orthogonal weights are about 1 / sqrt(N). Raises
        ValueError for a threshold below 0.
        """
        return model.prune_synapses(threshold)

    @staticmethod
    def prune_to(model: RealNet, dead_fraction: float) -> tuple[int, int, int]:
        """Kill the weakest synapses until `dead_fraction` of all are dead; nothing if they are already.

        Of equally weak ones those of the lowest source die first. Raises ValueError for a fraction outside [0, 1].
        """
        if not 0 <= dead_fraction <= 1:  # also refuses NaN
            raise ValueError(f"dead_fraction is {dead_fraction}, must be in [0, 1]")
        total = model.alive.numel()
        strength = model.W.detach().abs().masked_fill(~model.alive, -1.0).flatten()  # the dead come first
        weakest = strength.argsort(stable=True)[: round(dead_fraction * total)]
        dying = torch.zeros(total, dtype=torch.bool, device=model.device)
        dying[weakest] = True
        return model.kill_synapses(dying.view_as(model.alive))
