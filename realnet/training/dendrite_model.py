"""The forward pass of a net of dendrites from the inputs of its decisions on, in PyTorch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from realnet.core.dendrite_memory import CELLS
from realnet.core.state import Float32
from realnet.dendrites.net import DendriteNet
from realnet.kernels.tree_record import Decisions

_TOP, _EDGE, _LEAST = 11.9, 7.99, 1e-5  # as in `core/dendrites.py`


class DendriteModel(torch.nn.Module):
    """Gains, mix and output maps: what a decision is differentiable in."""

    def __init__(self, net: DendriteNet) -> None:
        super().__init__()
        memory = net.memory
        self._somata = [np.flatnonzero(net.wiring.gates[:, 0] == j).tolist() for j in range(memory.mix.shape[1])]
        self.gains = torch.nn.Parameter(torch.from_numpy(memory.gains.reshape(-1, memory.gains.shape[2]).copy()))
        self.mix = torch.nn.Parameter(torch.from_numpy(memory.mix.copy()))
        self.maps = torch.nn.Parameter(torch.from_numpy(memory.maps.reshape(-1, CELLS).copy()))

    def forward(self, inputs: Tensor, rows: Tensor, mixes: Tensor, maps: Tensor) -> Tensor:
        """Return the probability of a 1 of each decision, (B,); the arguments are those of `Decisions`, (B, …)."""
        gains = [torch.nn.functional.embedding_bag(rows[:, gates], self.gains, mode="sum") for gates in self._somata]
        heard = [(each * inputs).sum(1).clamp(-_TOP, _TOP) for each in gains]
        z = (torch.stack(heard, 1)[:, None] * self.mix[mixes]).sum(2).clamp(-_TOP, _TOP).mean(1)
        if not len(self.maps):
            return z.sigmoid().clamp(_LEAST, 1 - _LEAST)
        u = (z.clamp(-_EDGE, _EDGE) + 8) * 2
        cell = u.detach().floor()
        between, cell = (u - cell)[:, None], cell.long()[:, None]
        low, high = self.maps[maps, cell], self.maps[maps, cell + 1]
        mapped = (low + (high - low) * between).mean(1)
        return (z.sigmoid() * 0.4 + mapped * 0.6).clamp(_LEAST, 1 - _LEAST)

    def nats(self, made_of: Decisions, device: torch.device) -> Tensor:
        """Return how many nats the tokens of these decisions cost, each, (T,)."""
        known = made_of.answers.reshape(-1) >= 0
        told = [
            torch.from_numpy(each.reshape(known.size, *each.shape[2:])[known]).to(device)
            for each in (made_of.inputs, made_of.rows, made_of.mixes, made_of.maps)
        ]
        answers = torch.from_numpy(made_of.answers.reshape(-1)[known].astype(np.float32)).to(device)
        costs = torch.nn.functional.binary_cross_entropy(self(*told), answers, reduction="sum")
        return costs / len(made_of.answers)

    def weights(self) -> Float32:
        """Return gains, mix and maps, one after the other."""
        return np.concatenate([each.detach().cpu().numpy().ravel() for each in (self.gains, self.mix, self.maps)])
