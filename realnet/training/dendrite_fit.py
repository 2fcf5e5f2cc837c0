"""What a net of dendrites is fitted to: a text, lived through by a fork, of which gains, mix and maps are fitted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from realnet.checkpoint import Checkpoint
from realnet.core.state import Float32
from realnet.dendrites.learner import DendriteLearner
from realnet.kernels.tree_record import Decisions
from realnet.tokens.ids import checked_tokens
from realnet.training.adam import Adam
from realnet.training.dendrite_model import DendriteModel

_BATCH = 512  # tokens
_AT_ONCE = 8  # batches whose decisions are recorded at once, and shuffled
_RATE = 2e-4  # of Adam


class DendriteCourse:
    """An epoch lives through the text from the fork on, so that its decisions are asked what a live net's are.

    Attributes:
        updates: how many batches an epoch has.
        epochs: how many suit the text.
    """

    epochs = 1

    def __init__(
        self, checkpoint: Checkpoint, data: Any, held_out: float, batch_size: int | None, device: torch.device
    ) -> None:
        """Raises ValueError."""
        self._checkpoint, self._device = checkpoint, device
        learner = self._fork()
        self._tokens = checked_tokens(data, learner.vocabulary.size)
        examined = round(held_out * len(self._tokens))
        self._fitted, self._size = len(self._tokens) - examined, batch_size or _BATCH
        if not examined or not self._fitted:
            raise ValueError(f"of {len(self._tokens)} tokens none are held out, or all: a fit has to win on some")
        self._model = DendriteModel(learner.net).to(device)
        self.updates = -(-self._fitted // self._size)

    def _fork(self) -> DendriteLearner:
        arrays = {name: array.copy() for name, array in self._checkpoint.arrays.items()}
        learner = DendriteLearner.from_checkpoint(Checkpoint(self._checkpoint.config, arrays))
        learner.net.forget()
        return learner

    def optimizer(self, learning_rate: float | None) -> Adam:
        return Adam([{"params": self._model.parameters()}], learning_rate or _RATE)

    def losses(self, random: np.random.Generator) -> Iterator[tuple[Tensor, int, None]]:
        """Yield of each batch of an epoch its mean loss, in nats a token, and how many tokens are in it."""
        learner = self._fork()
        for start in range(0, self._fitted, self._size * _AT_ONCE):
            ids = self._tokens[start : min(self._fitted, start + self._size * _AT_ONCE)].astype(np.int32)
            lived = learner.net.record(learner.leaves.of_tokens[ids])
            order = random.permutation(len(ids))
            for begin in range(0, len(ids), self._size):
                batch = Decisions._make(each[order[begin : begin + self._size]] for each in lived)
                yield self._model.nats(batch, self._device), len(batch.answers), None

    def constrain_(self) -> None:
        """Do nothing: gains may be any numbers."""

    def prune(self, threshold: float) -> None:
        """Do nothing: such a net has no synapses to prune, and `fit_live` refuses to."""

    def weights(self) -> tuple[Float32, None]:
        """Return what `DendriteNet.refit` takes; a copy."""
        return self._model.weights(), None

    def exam(self) -> dict[str, float]:
        """Return `loss` (nats a token), `bits` and `accuracy` of a fork with these weights, living the rest."""
        learner = self._fork()
        learner.net.refit(self._model.weights())
        said = learner.dream(self._tokens[self._fitted :].astype(np.int32), outputs="best")
        assert said.surprise is not None
        bits = float(said.surprise.mean(dtype=np.float64))
        return {"loss": bits * math.log(2), "bits": bits, "accuracy": float(said.hits.mean())}
