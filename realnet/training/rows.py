"""What a trainer is fed: arrays, lists and tensors, or a DataLoader of them, checked once and brought to one form."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader

from realnet.core.network import RealNet
from realnet.utils.data import one_hot, to_tensor

Values = Any  # whatever an array can be made of: nested lists, arrays, tensors


@dataclass(frozen=True, slots=True)
class Rows:
    """On the model's device.

    Attributes:
        x: (rows, items, n_in) float32.
        y: the targets, float32 (rows, n_out) or int64 class numbers (rows,); of a full sequence (rows, steps, n_out) or
            (rows, steps).
        full_sequence: every step is scored, not only the last one.
        mask: (rows, steps) bool, which steps of a full sequence are; None: all.
    """

    x: Tensor
    y: Tensor
    full_sequence: bool = False
    mask: Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[Rows]:
        for start in range(0, len(self), size):
            part = slice(start, start + size) if order is None else order[start : start + size]
            mask = None if self.mask is None else self.mask[part]
            yield replace(self, x=self.x[part], y=self.y[part], mask=mask)


@dataclass(frozen=True, slots=True)
class Reader:
    """How values become Rows: for this model, these steps and this loss.

    Attributes:
        encode_classes: class numbers become rows with 1 for the class, and else -1 (in `ffwf` dynamics 0).
    """

    model: RealNet
    steps: int
    full_sequence: bool
    encode_classes: bool

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"thinking_steps is {self.steps}, must be at least 1")

    def source(self, features: Values, targets: Values, mask: Values | None) -> Rows | Stream:
        """What a fit goes through again and again. Raises ValueError: it names what is wrong."""
        if not isinstance(features, DataLoader):
            return self.rows(features, targets, mask)
        if targets is not None or mask is not None:
            raise ValueError("a DataLoader brings its targets and masks itself")
        return Stream(self, features)

    def held_out(self, data: Values) -> Rows | Stream:
        """Validation data: a pair or a triple of values, or a DataLoader. Raises ValueError."""
        if isinstance(data, DataLoader):
            return Stream(self, data)
        if not isinstance(data, list | tuple) or len(data) not in (2, 3):
            raise ValueError(
                "validation_data must be (features, targets) or (features, targets, mask), or a DataLoader"
            )
        return self.rows(*data)

    def rows(self, features: Values, targets: Values, mask: Values | None = None) -> Rows:
        """Raises ValueError: it names what is wrong."""
        x = read_features(self.model, features)
        items = x.shape[1]
        if items > self.steps:
            raise ValueError(f"thinking_steps is {self.steps}, but the sequences have {items} items")
        y = self._targets(targets, len(x))
        if mask is None:
            return Rows(x, y, self.full_sequence)
        if not self.full_sequence:
            raise ValueError("a mask is for full_sequence=True: else only the last step counts")
        chosen = to_tensor(mask, "mask", x.device) != 0
        wanted = (len(x), self.steps)
        if chosen.shape not in (wanted, wanted[1:]):
            raise ValueError(f"mask has shape {tuple(chosen.shape)}, must be {wanted} or {wanted[1:]}")
        return Rows(x, y, True, chosen.expand(wanted))

    def _targets(self, values: Values, rows: int) -> Tensor:
        if values is None:
            raise ValueError("target_values are missing")
        y, n_out = to_tensor(values, "target_values", self.model.device), len(self.model.output_ids)
        shape: tuple[int, ...] = (rows, self.steps) if self.full_sequence else (rows,)
        if len(y) != rows:
            raise ValueError(f"there are {len(y)} target_values for {rows} input_features")
        if y.shape == (*shape, n_out):
            return y
        if y.shape != shape:
            have = tuple(y.shape)
            raise ValueError(f"target_values have shape {have}, must be {(*shape, n_out)}, or {shape} of class numbers")
        if n_out == 1:
            return y[..., None]
        low = -1.0 if self.model.dynamics == "temporal" else 0.0
        encoded = one_hot(y.flatten(), n_out, low)  # which checks the numbers, too
        return encoded.view(*shape, n_out).to(y.device) if self.encode_classes else y.long()


@dataclass(frozen=True, slots=True)
class Stream:
    """A DataLoader whose batches are (features, targets) or (features, targets, mask), read as Rows."""

    reader: Reader
    loader: DataLoader[Any]

    def batches(self) -> Iterator[Rows]:
        for batch in self.loader:
            if not isinstance(batch, list | tuple) or len(batch) not in (2, 3):
                raise ValueError("a batch of a DataLoader must be (features, targets) or (features, targets, mask)")
            yield self.reader.rows(*batch)

    def count(self) -> int | None:
        """How many batches; None if the loader doesn't know."""
        dataset = self.loader.dataset
        return len(self.loader) if isinstance(dataset, Sized) else None


def read_features(model: RealNet, values: Values) -> Tensor:
    """-> (rows, items, n_in) float32 on the model's device. Raises ValueError."""
    return model.checked_input(to_tensor(values, "input_features", model.device))


def hits(said: Tensor, wanted: Tensor) -> Tensor | None:
    """(rows,) bool, whether the largest output is the class; None if the targets are not classes.

    They are if they are class numbers, or if one output of several is to be high and all others equally low.
    """
    if not wanted.is_floating_point():
        return said.argmax(-1) == wanted
    high, low = wanted.amax(-1, keepdim=True), wanted.amin(-1, keepdim=True)
    one_high = ((wanted == high).sum(-1) == 1) & ((wanted == low).sum(-1) == wanted.shape[-1] - 1)
    return said.argmax(-1) == wanted.argmax(-1) if bool(one_high.all()) else None
