"""RealNetTrainer: a RealNet learns by backpropagation through time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from realnet.core.network import RealNet, device_named
from realnet.training.backprop import Backprop, Loss, evaluating
from realnet.training.fit import Plan, Reached, run
from realnet.training.rows import Reader, Rows, Stream, Values, read_features
from realnet.training.schedule import default_learning_rate

History = dict[str, list[float]]
_BETAS = (
    0.7,
    0.9,
)  # with a shorter memory than usual three neurons learn XOR for nearly every seed (benchmarks/xor.py)
_VALUES_AT_ONCE = 2**24  # of all states, in predict and evaluate: 64 MB


class RealNetTrainer:
    """Trains a RealNet, in a loop of its own (`fit`) or in yours (`train_batch`).

        trainer = RealNetTrainer(model)
        trainer.fit(x, y, epochs=30, validation_data=(x_val, y_val))
        answers = trainer.predict(x_new)

    Features are (rows, n_in), or sequences (rows, items, n_in). Targets are (rows, n_out), or class numbers (rows,).
    With `full_sequence=True` every step is scored and not the last one only: targets are (rows, steps, n_out), or class
    numbers (rows, steps), and a mask, (steps,) or (rows, steps), is true where a step counts. All are lists, arrays or
    tensors. `fit` and `evaluate` take a DataLoader of (features, targets) or (features, targets, mask) as well.

    Attributes:
        history: by name the figures of the epochs so far: `loss`, `dead` (the share of synapses), and with validation
            data `val_loss` and, if the targets are classes, `val_accuracy`.
    """

    def __init__(
        self,
        model: RealNet,
        optimizer: torch.optim.Optimizer | None = None,
        loss_fn: Loss | None = None,
        device: str | torch.device | None = None,
        gradient_decay: float = 0.0,
        *,
        learning_rate: float | None = None,
        input_noise: float = 0.0,
        seed: int | None = None,
    ) -> None:
        """All can be left out.

        Args:
            optimizer: of the model's parameters; None: AdamW without weight decay, its betas 0.7 and 0.9.
            loss_fn: the mean loss of what was said (rows, n_out), and the targets of these rows; None: MSE, for which
                class numbers become rows with 1 for the class and else -1 (in `ffwf` dynamics 0).
            device: where the model goes; None: where it is. On a GPU with bfloat16 it trains in mixed precision.
            gradient_decay: the share of each update's gradient that is added to the next one's (ghost gradients).
            learning_rate: of the default optimizer; None: one that suits the number of neurons.
            input_noise: the deviation of Gaussian noise on the features in training.
            seed: of the order of the rows, noise and dropout in `fit`; None: drawn from PyTorch's generator.

        Raises:
            ValueError: it names what is wrong.
        """
        if not isinstance(model, RealNet):
            raise ValueError(f"a {type(model).__name__} can't be trained: it must be a RealNet")
        if not 0 <= gradient_decay < 1:  # also refuses NaN
            raise ValueError(f"gradient_decay is {gradient_decay}, must be in [0, 1)")
        if not 0 <= input_noise < float("inf"):
            raise ValueError(f"input_noise is {input_noise}, must be a number, at least 0")
        if seed is not None and seed < 0:
            raise ValueError(f"seed is {seed}, must be at least 0")
        if learning_rate is not None and (optimizer is not None or not 0 < learning_rate < float("inf")):
            raise ValueError("learning_rate must be a number above 0, and is of the default optimizer only")
        self.model = model if device is None else model.to(device_named(device))
        self._own_optimizer = optimizer is None
        if optimizer is None:
            rate = default_learning_rate(model) if learning_rate is None else learning_rate
            optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=_BETAS, weight_decay=0.0, fused=True)
        trained = {id(each) for group in optimizer.param_groups for each in group["params"]}
        if id(model.W) not in trained:
            raise ValueError("the optimizer must be one of the model's parameters, and this one does not have its W")
        self.optimizer, self.loss_fn = optimizer, loss_fn
        self.history: History = {}
        self.seed = int(torch.randint(2**62, ())) if seed is None else seed
        self._backprop = Backprop(model, optimizer, loss_fn, gradient_decay, input_noise)
        self._reached: Reached | None = None  # of a fit that isn't over

    def fit(
        self,
        input_features: Values,
        target_values: Values = None,
        epochs: int = 30,
        batch_size: int = 32,
        thinking_steps: int = 5,
        pruning_threshold: float = 0.0,
        *,
        target_sparsity: float = 0.0,
        mask: Values = None,
        full_sequence: bool = False,
        gradient_accumulation_steps: int = 1,
        validation_data: Values = None,
        patience: int | None = None,
        schedule: bool | None = None,
        on_epoch: Callable[[dict[str, float]], bool | None] | None = None,
        resume: bool = False,
        progress: bool = True,
    ) -> History:
        """Train for some epochs; all is as in the class's description.

        Args:
            pruning_threshold: after every epoch every synapse weaker than this dies.
            target_sparsity: the share of synapses that are dead in the end. After every epoch the weakest die, until 7
                tenths of the fit are over. It means the same for any number of neurons, as a threshold doesn't.
            validation_data: (features, targets), (features, targets, mask) or a DataLoader, scored after every epoch.
            patience: the fit ends after so many epochs without a lower validation loss (without validation data, loss),
                and the weights go back to the best epoch's.
            schedule: over the last 3 tenths the learning rate falls to 0; and where synapses die it rises, by as much
                as there are fewer. None: that of the default optimizer only.
            on_epoch: is given the figures of every epoch after it; if it returns True the fit ends there.
            resume: go on with the fit that `on_epoch` ended, or that was under way in the state that was loaded. With
                the same data and arguments it comes to the weights that it would have come to at one go. (Unless a
                DataLoader has a generator of its own, which nobody puts back.)
            progress: show a bar on stderr.

        Returns:
            `history`.

        Raises:
            ValueError: it names what is wrong; of arrays, before anything has changed.
        """
        plan = Plan(
            epochs=epochs,
            batch_size=batch_size,
            thinking_steps=thinking_steps,
            pruning_threshold=pruning_threshold,
            target_sparsity=target_sparsity,
            gradient_accumulation_steps=gradient_accumulation_steps,
            patience=patience,
            schedule=self._own_optimizer if schedule is None else schedule,
        )
        reader = self._reader(thinking_steps, full_sequence)
        source = reader.source(input_features, target_values, mask)
        validate = None
        if validation_data is not None:
            held_out = reader.held_out(validation_data)
            validate = partial(self._score, held_out, thinking_steps)
        self._reached = self._begin(epochs, resume)
        for figures in run(plan, self._reached, self._backprop, source, validate, self._seeds(), progress):
            for name, value in figures.items():
                self.history.setdefault(name, []).append(value)
            if on_epoch is not None and on_epoch(figures):
                return self.history
        self._reached = None
        return self.history

    def train_batch(
        self,
        input_features: Values,
        target_values: Values,
        thinking_steps: int = 5,
        gradient_accumulation_steps: int = 1,
        *,
        mask: Values = None,
        full_sequence: bool = False,
    ) -> float:
        """Learn from a batch. Every `gradient_accumulation_steps`-th call updates the weights by the mean of all rows.

        Returns:
            the batch's mean loss before it.

        Raises:
            ValueError: it names what is wrong, and nothing has changed.
        """
        if gradient_accumulation_steps < 1:
            raise ValueError(f"gradient_accumulation_steps is {gradient_accumulation_steps}, must be at least 1")
        rows = self._reader(thinking_steps, full_sequence).rows(input_features, target_values, mask)
        loss, _ = self._backprop.learn(rows, thinking_steps, gradient_accumulation_steps)
        return float(loss)

    def predict(self, input_features: Values, thinking_steps: int = 5, *, full_sequence: bool = False) -> Tensor:
        """What the outputs say, without dropout or gradients: (rows, n_out), or of every step (rows, steps, n_out)."""
        if thinking_steps < 1:
            raise ValueError(f"thinking_steps is {thinking_steps}, must be at least 1")
        x = read_features(self.model, input_features)
        said = []
        with evaluating(self.model):
            for part in torch.split(x, self._rows_at_once(thinking_steps)):
                states, _ = self.model(part, thinking_steps)
                said.append(self.model.outputs(states if full_sequence else states[:, -1]))
        return torch.cat(said)

    def evaluate(
        self,
        input_features: Values,
        target_values: Values = None,
        thinking_steps: int = 5,
        *,
        mask: Values = None,
        full_sequence: bool = False,
    ) -> dict[str, float]:
        """`loss` and, if the targets are classes, `accuracy`. Raises ValueError."""
        source = self._reader(thinking_steps, full_sequence).source(input_features, target_values, mask)
        return self._score(source, thinking_steps)

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that changes: model, optimizer, pending and ghost gradients, history, and where a fit is."""
        return deepcopy(
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "gradients": self._backprop.state_dict(),
                "history": self.history,
                "seed": self.seed,
                "fit": None if self._reached is None else asdict(self._reached),
            }
        )

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on as the trainer whose state it is, which was made with the same arguments of the same model."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._backprop.load_state_dict(state["gradients"])
        self.history, self.seed = deepcopy(state["history"]), state["seed"]
        self._reached = None if state["fit"] is None else Reached(**deepcopy(state["fit"]))

    def _begin(self, epochs: int, resume: bool) -> Reached:
        if not resume:
            return Reached(epochs)
        if self._reached is None:
            raise ValueError("there is no fit to resume")
        if self._reached.epochs != epochs:
            raise ValueError(f"epochs is {epochs}, but the fit to resume is one of {self._reached.epochs}")
        return self._reached

    def _reader(self, steps: int, full_sequence: bool) -> Reader:
        return Reader(self.model, steps, full_sequence, encode_classes=self.loss_fn is None)

    def _seeds(self) -> Iterator[int]:
        """One for each epoch of this trainer's life, whether it was loaded in between or not."""
        while True:
            yield int(np.random.SeedSequence((self.seed, len(self.history.get("loss", ())))).generate_state(1)[0])

    def _score(self, source: Rows | Stream, steps: int) -> dict[str, float]:
        batches = source.batches(self._rows_at_once(steps)) if isinstance(source, Rows) else source.batches()
        return self._backprop.score(batches, steps)

    def _rows_at_once(self, steps: int) -> int:
        return max(1, _VALUES_AT_ONCE // (self.model.num_neurons * steps))
