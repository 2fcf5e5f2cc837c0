"""RealNets trained by backpropagation as estimators of scikit-learn."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from realnet.core.checks import is_whole
from realnet.core.network import RealNet
from realnet.training.backprop import Loss
from realnet.training.trainer import RealNetTrainer

_SHARPNESS = 4.0  # of probabilities: outputs are in (-1, 1), and softmax needs more room
_REACH = 0.8  # of an output, at the largest and the smallest target of a regression


class _Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both estimators have alike: arguments, training, and what the net says of rows."""

    def __init__(
        self,
        hidden: int = 64,
        epochs: int = 30,
        batch_size: int = 32,
        thinking_steps: int = 3,
        learning_rate: float | None = None,
        target_sparsity: float = 0.0,
        dropout_rate: float = 0.0,
        input_noise: float = 0.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        """All can be left out. `fit` raises ValueError for what cannot be.

        Args:
            hidden: how many neurons there are beside inputs and outputs. 0 will do, since all are connected with all.
            epochs: how often all rows are learnt from.
            batch_size: rows of one update.
            thinking_steps: depth is time: how many steps the net thinks about a row.
            learning_rate: of AdamW; None: one that suits the number of neurons.
            target_sparsity: the share of synapses that are dead in the end, the weakest, in [0, 1).
            dropout_rate: how probably a synapse fails at a step in training, in [0, 1).
            input_noise: the deviation of noise on the scaled features in training; some .5 helps where rows are few.
            random_state: an int leads to the same net every time.
        """
        self.hidden = hidden
        self.epochs = epochs
        self.batch_size = batch_size
        self.thinking_steps = thinking_steps
        self.learning_rate = learning_rate
        self.target_sparsity = target_sparsity
        self.dropout_rate = dropout_rate
        self.input_noise = input_noise
        self.random_state = random_state

    def _train(self, features: NDArray[np.float64], targets: NDArray[Any], outputs: int, loss: Loss | None) -> None:
        if not is_whole(self.hidden) or self.hidden < 0:
            raise ValueError(f"hidden is {self.hidden!r}, must be a whole number, at least 0")
        mean, deviation = np.asarray(features.mean(axis=0)), features.std(axis=0)
        deviation = np.where(deviation > 0, deviation, 1.0)
        width, random = features.shape[1], check_random_state(self.random_state)
        model = RealNet(
            num_neurons=width + self.hidden + outputs,
            input_ids=range(width),
            output_ids=range(width + self.hidden, width + self.hidden + outputs),
            pulse_mode=False,
            dropout_rate=self.dropout_rate,
            seed=int(random.randint(2**31)),
        )
        trainer = RealNetTrainer(
            model,
            loss_fn=loss,
            learning_rate=self.learning_rate,
            input_noise=self.input_noise,
            seed=int(random.randint(2**31)),
        )
        history = trainer.fit(
            (features - mean) / deviation,
            targets,
            epochs=self.epochs,
            batch_size=self.batch_size,
            thinking_steps=self.thinking_steps,
            target_sparsity=self.target_sparsity,
            progress=False,
        )
        # Only now, so that a fit that was refused leaves what there was.
        self._mean, self._deviation, self.history_, self.model_ = mean, deviation, history, model

    def _outputs(self, X: ArrayLike) -> Tensor:
        check_is_fitted(self)
        features = validate_data(self, X, reset=False, dtype=np.float64)
        scaled = (features - self._mean) / self._deviation
        return RealNetTrainer(self.model_, seed=0).predict(scaled, self.thinking_steps)


class RealNetClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A RealNet with an output for each class, trained by cross entropy.

        RealNetClassifier(random_state=0).fit(X, y).score(X_new, y_new)

    Attributes:
        model_: the trained `RealNet`; its inputs are the features, scaled to mean 0 and deviation 1.
        history_: by name the figures of the epochs: `loss`, and `dead`, the share of synapses.
        classes_: the labels, in the order of the columns of `predict_proba`.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train a new net. Raises ValueError, or TypeError for sparse features: it names what is wrong."""
        features, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        classes, numbers = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"y has one class only, {classes[0]}: a classifier needs two or more")
        self._train(features, numbers, len(classes), _cross_entropy)
        self.classes_ = classes
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return (rows, classes) how probable each class is."""
        probability: NDArray[np.float64] = torch.softmax(_SHARPNESS * self._outputs(X).double(), 1).numpy()
        return probability

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return (rows,) the likeliest class."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[likeliest])


class RealNetRegressor(RegressorMixin, MultiOutputMixin, _Estimator):  # type: ignore[misc]
    """A RealNet with an output for each target, trained by squared error. It says little beyond their range.

        RealNetRegressor(random_state=0).fit(X, y).predict(X_new)

    Attributes:
        model_: the trained `RealNet`; its inputs are the features, scaled to mean 0 and deviation 1.
        history_: by name the figures of the epochs: `loss`, and `dead`, the share of synapses.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train a new net; y is (rows,) or (rows, targets). Raises ValueError, or TypeError for sparse features."""
        features, targets = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        targets = np.asarray(targets, np.float64)
        least, most = targets.min(axis=0), targets.max(axis=0)
        middle = (most + least) / 2
        span = np.where(most > least, most - least, 1.0) / 2 / _REACH
        self._train(features, (targets - middle) / span, 1 if targets.ndim == 1 else targets.shape[1], None)
        self._middle, self._span = middle, span
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return (rows,) or (rows, outputs), as the targets were."""
        said = self._outputs(X).double().numpy()
        return np.asarray(self._middle + self._span * (said[:, 0] if self._middle.ndim == 0 else said))


def _cross_entropy(said: Tensor, numbers: Tensor) -> Tensor:
    return torch.nn.functional.cross_entropy(_SHARPNESS * said, numbers)
