"""What a net of frames is fitted to: pairs of an input, which is held for some ticks, and what shall be said then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from realnet.checkpoint import Checkpoint
from realnet.core.state import Float32
from realnet.frames import FrameLearner
from realnet.training.adam import Adam
from realnet.training.rows import hits
from realnet.training.schedule import default_learning_rate

_BATCH = 32
_AT_ONCE = 4096  # pairs of an exam
_EPOCHS, _UPDATES = 10, 2000  # at least
_FLOOR = 0.01  # of what an output says, in a logarithm

Pairs = tuple[NDArray[Any], NDArray[Any]]


class PairCourse:
    """A batch is the next pair of some streams side by side, whose states are never zeroed: a live net's isn't, either.

    In every second stream the outputs' teacher comes after their answer, as in a stream that is learnt from.

    Attributes:
        updates: how many batches an epoch has.
        epochs: how many suit the data.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        data: Any,
        held_out: float,
        batch_size: int | None,
        device: torch.device,
        thinking_steps: int,
        loss: Literal["mse", "cross_entropy"],
        random: np.random.Generator,
    ) -> None:
        """Takes the arrays of the checkpoint over. Raises ValueError."""
        self._learner = FrameLearner.from_checkpoint(checkpoint)
        params = checkpoint.params()
        self._pairs = _checked(data, params.n_in, params.n_out)
        self._model = self._learner.net.to_model().to(device)
        self._steps = thinking_steps
        self._shares = params.preset != "literal" and params.readout == "softmax"
        self._loss: Callable[[Tensor, Tensor], Tensor] = (
            torch.nn.functional.mse_loss if loss == "mse" else self._cross_entropy
        )
        order = random.permutation(len(self._pairs[0]))
        examined = round(held_out * len(order))
        if examined == len(order) or (held_out and not examined):
            raise ValueError(f"{len(order)} pairs are too few")
        self._examined = np.sort(order[:examined] if examined else order[: max(1, len(order) // 10)])
        self._fitted = order[examined:]
        self._batch = min(_BATCH if batch_size is None else batch_size, len(self._fitted))
        self._minds = torch.zeros(self._batch, params.num_neurons, device=device)  # of the streams
        self.updates = -(-len(self._fitted) // self._batch)
        self.epochs = max(_EPOCHS, -(-_UPDATES // self.updates))

    def optimizer(self, learning_rate: float | None) -> Adam:
        """None: what suits the net."""
        if learning_rate is None:
            learning_rate = default_learning_rate(self._model)
            if self._model.params.preset == "literal":
                learning_rate *= 2.0
            elif not self._shares:  # such an output moves beta times as far as its synapses
                learning_rate /= self._model.params.beta
        return Adam([{"params": [self._model.W]}], learning_rate)

    def losses(self, random: np.random.Generator) -> Iterator[tuple[Tensor, int, int | None]]:
        """An epoch: of each batch its mean loss, how many pairs are in it, and, of classes, how many were right."""
        order = random.permutation(self._fitted)
        outputs = torch.tensor(self._model.output_ids, device=self._model.device)
        for start in range(0, len(order), self._batch):
            chosen = order[start : start + self._batch]
            inputs, targets = (self._put(side[chosen]) for side in self._pairs)
            states, mind = self._model(inputs, self._steps, self._minds[: len(chosen)])
            said = self._model.outputs(states[:, -1])
            right = hits(said, targets)
            yield self._loss(said, targets), len(chosen), None if right is None else int(right.sum())
            self._minds[: len(chosen)] = mind.detach()
            self._minds[: len(chosen) : 2, outputs] = targets[::2]

    def constrain_(self) -> None:
        self._model.constrain_()

    def prune(self, threshold: float) -> None:
        self._model.prune_synapses(threshold)

    def weights(self) -> tuple[Float32, NDArray[np.bool_] | None]:
        """All that a net stores, and what of it is alive, None: all; copies."""
        state = self._model.live_state()
        return state.U, state.alive

    def exam(self) -> dict[str, float]:
        """`loss` and, of classes, `accuracy` on what is held out, else on a tenth of all, as the net lives it.

        Each input is held for so many ticks, and the state never zeroed.
        """
        weights, alive = self.weights()
        self._learner.net.adopt(weights, alive=alive)
        loss, right = 0.0, 0.0
        for start in range(0, len(self._examined), _AT_ONCE):
            inputs, targets = (side[self._examined[start : start + _AT_ONCE]] for side in self._pairs)
            values = self._learner.run(inputs.repeat(self._steps, axis=0), plasticity=0.0).values
            said, wanted = self._put(values[self._steps - 1 :: self._steps]), self._put(targets)
            loss += float(self._loss(said, wanted)) * len(said)
            hit = hits(said, wanted)
            right += float("nan") if hit is None else float(hit.sum())
        figures = {"loss": loss / len(self._examined)}
        return figures if right != right else figures | {"accuracy": right / len(self._examined)}

    def _put(self, rows: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(rows, np.float32)).to(self._model.device)

    def _cross_entropy(self, said: Tensor, targets: Tensor) -> Tensor:
        """Of one distribution where the outputs share 1, else of each output for itself."""
        said = said + (said.clamp(_FLOOR, 1 - _FLOOR) - said).detach()  # the gradient passes
        bits = targets * said.log()
        if not self._shares:
            bits = bits + (1 - targets) * (1 - said).log()
        return -bits.sum(-1).mean()


def _checked(data: Any, n_in: int, n_out: int) -> Pairs:
    """Looked at in parts: they may be files, and larger than the memory."""
    if not isinstance(data, tuple) or len(data) != 2 or not all(isinstance(side, np.ndarray) for side in data):
        raise ValueError("the data of a net of frames must be two arrays, inputs and targets")
    for name, side, width in zip(("inputs", "targets"), data, (n_in, n_out), strict=True):
        if side.ndim != 2 or side.shape[1] != width or not np.issubdtype(side.dtype, np.number):
            raise ValueError(f"{name} have shape {side.shape}, must be numbers (n, {width})")
        for start in range(0, len(side), _AT_ONCE):
            part = side[start : start + _AT_ONCE]
            wrong = np.argwhere(~((part >= 0) & (part <= 1)))  # also NaN
            if len(wrong):
                raise ValueError(f"{name}[{start + wrong[0, 0]}, {wrong[0, 1]}] must be in [0, 1]")
    if len(data[0]) != len(data[1]) or not len(data[0]):
        raise ValueError(f"there are {len(data[0])} inputs and {len(data[1])} targets")
    return data
