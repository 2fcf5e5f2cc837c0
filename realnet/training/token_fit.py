"""What a token net is fitted to: a text, through its own encoder and the tick of its preset."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from realnet.checkpoint import Checkpoint
from realnet.core.state import Float32
from realnet.tokens.encoder import Encoder
from realnet.tokens.ids import checked_tokens
from realnet.tokens.learner import TokenLearner
from realnet.training.adam import Adam
from realnet.training.token_model import TokenModel

_BATCH = 1024  # tokens; fewer of a text so short that an epoch would have less than
_UPDATES = 100
_WINDOW = 8  # ticks that a gradient goes back
_AHEAD = 128  # ticks of every stream that are encoded at once
_LEAD = 64  # tokens before an exam: hidden neurons have this text in mind by then
_AT_ONCE = 2**16  # tokens of an exam


class TokenCourse:
    """A batch is a window of some streams that go through the text side by side; the text is a ring to them.

    Attributes:
        updates: how many batches an epoch has.
        epochs: how many suit the text: with more it is learnt by heart.
    """

    epochs = 4

    def __init__(
        self, checkpoint: Checkpoint, data: Any, held_out: float, batch_size: int | None, device: torch.device
    ) -> None:
        """Takes the arrays of the checkpoint over. Raises ValueError."""
        self._learner = TokenLearner.from_checkpoint(checkpoint)
        self._tokens = checked_tokens(data, self._learner.vocabulary.size)
        self._model = TokenModel(checkpoint.params(), checkpoint.state()).to(device)
        self._device = device
        examined = round(held_out * len(self._tokens))
        self._fitted = len(self._tokens) - examined
        if self._fitted < 2 or (held_out and not examined):
            raise ValueError(f"{len(self._tokens)} tokens are too few")
        self._examined = examined or max(1, self._fitted // 10)
        if batch_size is None:
            batch_size = min(_BATCH, max(_WINDOW, self._fitted // _UPDATES))
        size = min(batch_size, self._fitted)
        self._ticks = min(_WINDOW, size)
        self._streams = size // self._ticks
        self.updates = self._fitted // self._streams // self._ticks

    def optimizer(self, learning_rate: float | None) -> Adam:
        return self._model.optimizer(learning_rate)

    def losses(self, random: np.random.Generator) -> Iterator[tuple[Tensor, int, int]]:
        """An epoch: of each batch its mean loss, how many tokens are in it, and how many were foreseen."""
        mind = self._model.silence(self._streams)
        for index, targets in self._windows(random):
            said, mind = self._model(index, mind.detach())
            said, targets = said.flatten(0, 1), targets.flatten()
            loss = torch.nn.functional.nll_loss(said, targets)
            yield loss, len(targets), int((said.argmax(1) == targets).sum())

    def constrain_(self) -> None:
        self._model.constrain_()

    def prune(self, threshold: float) -> None:
        self._model.prune(threshold)

    def weights(self) -> tuple[Float32, NDArray[np.bool_] | None]:
        """All that a net stores, and what of it is alive, None: all; copies."""
        return self._model.stored_weights(), self._model.stored_alive()

    def exam(self) -> dict[str, float]:
        """`loss` (nats a token) and `accuracy` on what is held out, else on the last tenth, as the net lives it."""
        weights, alive = self.weights()
        self._learner.net.adopt(weights, alive=alive)
        nats, hits, begin = 0.0, 0, len(self._tokens) - self._examined
        for start in range(begin, len(self._tokens), _AT_ONCE):
            first = max(0, start - _LEAD)
            some = self._tokens[first : start + _AT_ONCE]
            said = self._learner.dream(some, given=start - first, plasticity=0.0, outputs="best")
            nats += float(said.surprise.sum(dtype=np.float64)) * math.log(2)
            hits += int(said.hits.sum())
        return {"loss": nats / self._examined, "accuracy": hits / self._examined}

    def _windows(self, random: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """-> what fires beside hidden neurons, (streams, ticks, fired), and the tokens that come next."""
        encoder = self._learner.encoder
        length = self._fitted // self._streams
        begins = random.integers(length) + np.arange(self._streams) * length
        first_output = self._model.params.outputs.start
        for tick in range(0, self.updates * self._ticks, _AHEAD):
            ahead = min(_AHEAD, self.updates * self._ticks - tick)
            reach = len(encoder.start())
            places = (begins + tick)[:, None] + np.arange(-reach, ahead + 1)
            tokens = self._tokens[places % self._fitted].astype(np.int32)
            now = tokens[:, reach:-1]
            codes = np.stack([_codes(encoder, row[reach:-1], row[:reach]) for row in tokens])
            fired = np.concatenate([codes, now[..., None] + first_output], 2)
            index = torch.from_numpy(fired).to(self._device)
            targets = torch.from_numpy(tokens[:, reach + 1 :].astype(np.int64)).to(self._device)
            for start in range(0, ahead, self._ticks):
                window = slice(start, start + self._ticks)
                yield index[:, window], targets[:, window]


def _codes(encoder: Encoder, tokens: NDArray[np.int32], recent: NDArray[np.int32]) -> NDArray[np.int32]:
    return encoder.encode(tokens, recent)[0].index.reshape(len(tokens), -1)
