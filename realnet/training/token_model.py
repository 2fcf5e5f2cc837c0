"""A token net without its ticks: every position of a text at once, differentiable.

The state that a token is predicted from is known from the tokens before it, but for the hidden winners: the code of
each tap, and 1 at the output of the last token. So the rows of W that fire are gathered for all positions of a batch,
and nothing is ever (N, N). Hidden winners follow from each other, tick by tick.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from realnet.core.dynamics import compete, fire
from realnet.core.readout import read_tensor
from realnet.core.state import HIGH, LOW, Float32, Params, State
from realnet.tokens.readout import log_probabilities
from realnet.training.adam import Adam

_RATE = {"literal": 3e-3, "manifesto": 6e-4, "surprise": 6e-4}
# Of AdamW, for synapses into outputs. In wide nets they are many for what they say, and learn a text by heart.
_DECAY = {"literal": 0.0, "manifesto": 3.0, "surprise": 3.0}


class TokenModel(nn.Module):
    """The columns of W that a token net's predictions depend on: into hidden neurons (N, H) and into outputs (N, V)."""

    to_hidden: Tensor
    to_outputs: Tensor
    _dead: Tensor | None
    _thresholds: Tensor

    def __init__(self, params: Params, state: State) -> None:
        """Copies what it needs. Raises ValueError."""
        super().__init__()
        if params.readout == "clamp" or (params.preset == "literal" and params.n_hidden):
            raise ValueError("only outputs that share 1 can be fitted to a text, of `literal` without hidden neurons")
        self.params = params
        self._stored = state.stored_weights()
        self._stored_alive = None if state.alive is None else state.alive.copy()
        W = torch.from_numpy(self._stored)[:, -self._columns :]
        self.to_hidden = nn.Parameter(W[:, : params.n_hidden].clone())
        self.to_outputs = nn.Parameter(W[:, params.n_hidden :].clone())
        dead = None if state.alive is None else ~torch.from_numpy(state.alive)[:, -self._columns :]
        self.register_buffer("_dead", dead)
        self.register_buffer("_thresholds", torch.from_numpy(state.thresholds.copy()))

    @property
    def _columns(self) -> int:
        return self.params.n_hidden + self.params.n_out

    def silence(self, streams: int) -> Tensor:
        """The hidden neurons (streams, H) of a net that has nothing in mind."""
        return self._thresholds.new_zeros(streams, self.params.n_hidden)

    def forward(self, index: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """
        Args:
            index: (streams, ticks, fired), the inputs and the output that fire at each tick.
            hidden: (streams, H), the winners of the first of these ticks.

        Returns:
            log p (streams, ticks, V) of the token after each tick, without a learner's gains; the winners of the tick
            after the last one.
        """
        streams, ticks, _ = index.shape
        rows, H, first = index.flatten(0, 1), self.params.n_hidden, self.params.n_in
        sums = embedding_bag(rows, self.to_outputs, mode="sum").view(streams, ticks, -1)
        if H:
            felt = embedding_bag(rows, self.to_hidden, mode="sum").view(streams, ticks, H) - self._thresholds
            fired = []
            for tick in range(ticks):
                fired.append(hidden)
                hidden = compete(felt[:, tick] + hidden @ self.to_hidden[first : first + H], self.params)
            sums = sums + torch.stack(fired, 1) @ self.to_outputs[first : first + H]
        # Min-max over the population, the rest of `literal`, changes neither mean nor spread of its outputs.
        literal = self.params.preset == "literal"
        outputs = fire(sums) if literal else read_tensor(sums, self.params)
        return log_probabilities(outputs, self.params.preset), hidden

    def optimizer(self, learning_rate: float | None) -> Adam:
        """None: what suits the preset."""
        groups: list[dict[str, Any]] = [
            {"params": [self.to_hidden]},
            {"params": [self.to_outputs], "weight_decay": _DECAY[self.params.preset]},
        ]
        rate = _RATE[self.params.preset] if learning_rate is None else learning_rate
        return Adam(groups, rate)

    @torch.no_grad()
    def constrain_(self) -> None:
        """Back into [-2, 2]; the dead are 0."""
        dead, hidden = self._dead, self.params.n_hidden
        self.to_hidden.clamp_(LOW, HIGH)
        self.to_outputs.clamp_(LOW, HIGH)
        if dead is not None:
            self.to_hidden.masked_fill_(dead[:, :hidden], 0.0)
            self.to_outputs.masked_fill_(dead[:, hidden:], 0.0)

    @torch.no_grad()
    def prune(self, threshold: float) -> None:
        """Every synapse with |W| < threshold dies."""
        weak = torch.cat([self.to_hidden, self.to_outputs], 1).abs() < threshold
        self._dead = weak if self._dead is None else self._dead | weak
        self.constrain_()

    def stored_weights(self) -> Float32:
        """(N, columns), those that are not fitted included; a copy."""
        weights = self._stored.copy()
        weights[:, -self._columns :] = torch.cat([self.to_hidden, self.to_outputs], 1).detach().cpu()
        return weights

    def stored_alive(self) -> NDArray[np.bool_] | None:
        """(N, columns), a copy; None: all."""
        if self._dead is None:
            return None
        alive = np.ones_like(self._stored, np.bool_) if self._stored_alive is None else self._stored_alive.copy()
        alive[:, -self._columns :] = ~self._dead.cpu().numpy()
        return alive
