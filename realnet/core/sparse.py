"""SparseRealNet: a pruned net for inference, which stores and visits its living synapses only."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from realnet.core import model_file
from realnet.core.running import Network, States

if TYPE_CHECKING:
    from realnet.core.network import RealNet


class SparseRealNet(Network):
    """The states of the RealNet that it was made from, within rounding; it keeps no dense matrix and can't be trained.

        sparse = SparseRealNet.from_dense(model)

    Attributes:
        row_starts, sources, weights: Wᵀ in CSR: target j collects from `sources[row_starts[j]:row_starts[j + 1]]`, each
            through its weight. (N + 1,) and (synapses,) int32, (synapses,) float32.
    """

    row_starts: Tensor
    sources: Tensor
    weights: Tensor

    @classmethod
    def from_dense(cls, model: RealNet) -> SparseRealNet:
        """Return a sparse copy of what `model` is now. Raises ValueError if it isn't a RealNet."""
        if not isinstance(model, Network) or isinstance(model, SparseRealNet):
            raise ValueError(f"from_dense takes a RealNet, not a {type(model).__name__}")
        model.constrain_()
        targets = model.W.detach().t()
        living = (targets != 0) & model.alive.t()
        row_starts = torch.zeros(len(targets) + 1, dtype=torch.int32, device=model.device)
        row_starts[1:] = living.sum(1).cumsum(0)
        sources = living.nonzero()[:, 1].int()
        sparse = cls(model.params, model.dynamics, model.pulse_mode, dropout_rate=0.0)
        sparse._fill(row_starts, sources, targets[living], None if model.B is None else model.B.detach().clone())
        sparse.thresholds = model.thresholds.clone()
        return sparse.to(model.device)

    def _fill(self, row_starts: Tensor, sources: Tensor, weights: Tensor, B: Tensor | None) -> None:
        self.register_buffer("row_starts", row_starts)
        self.register_buffer("sources", sources)
        self.register_buffer("weights", weights)
        self.register_buffer("B", B)
        super().train(False)

    @torch.no_grad()
    def forward(self, x_input: Tensor, steps: int = 1, current_state: Tensor | None = None) -> States:
        """As `RealNet.forward`, without gradients."""
        return super().forward(x_input, steps, current_state)

    def train(self, mode: bool = True) -> SparseRealNet:
        """Raises ValueError: it can't be trained."""
        if mode:
            raise ValueError("a SparseRealNet is for inference only: train the RealNet, then make it sparse again")
        return super().train(False)

    @property
    def density(self) -> float:
        """Return the share of all N x N synapses that is stored."""
        return self.weights.numel() / self.num_neurons**2

    def extra_repr(self) -> str:
        """Return what `repr` says beside the class."""
        return f"{super().extra_repr()}, {self.density:.1%} of its synapses"

    def save(self, path: str | Path) -> None:
        """Write everything to one safetensors file."""
        model_file.write(path, self)

    @classmethod
    def load(cls, path: str | Path, device: str | torch.device = "cpu") -> SparseRealNet:
        """Return the net that `save` wrote. Raises ValueError if the file is none of a SparseRealNet."""
        chosen, tensors = model_file.read(path, cls.__name__)
        sparse, nothing = cls(**chosen), torch.zeros(0)
        n, synapses = sparse.num_neurons, tensors.get("weights", nothing).numel()
        B = torch.empty(n) if sparse.dynamics == "temporal" else None
        sparse._fill(torch.empty(n + 1).int(), torch.empty(synapses).int(), torch.empty(synapses), B)
        model_file.fill(path, sparse, tensors)
        return sparse.to(device)

    def _matrix(self) -> Tensor:
        shape = (self.num_neurons, self.num_neurons)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # "in beta state"
            return torch.sparse_csr_tensor(self.row_starts, self.sources, self.weights, shape)
