"""What is chosen of a net (Params), and what changes while it lives (State).

Inside, neurons stand in one order: inputs, hidden, outputs, each in the order in which they were named (hidden ones
ascending). `Params.order` leads back to the caller's numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

Preset = Literal["literal", "manifesto", "surprise"]
PRESETS: tuple[Preset, ...] = ("literal", "manifesto", "surprise")

LOW, HIGH = -2.0, 2.0  # the range of every weight


@dataclass(frozen=True, slots=True)
class Params:
    """What is chosen. All is checked once, here: a ValueError names what is wrong.

    Attributes:
        readout: what the outputs are, of the presets other than `literal`: "softmax" (they share 1: one-hot teachers,
            tokens) or "clamp" (each for itself in [0, 1], also graded teachers).
    """

    num_neurons: int
    input_ids: tuple[int, ...]
    output_ids: tuple[int, ...]
    preset: Preset
    readout: Literal["softmax", "clamp"] = "softmax"
    seed: int = 0
    kappa: float = 0.02
    beta: float = 8.0  # the larger, the smaller the weights that say the same, and the later they reach the range
    hidden_ratio: float = 0.01  # eta_h / c
    # kappa of synapses into hidden neurons. Only their independent target bounds them, at 1 / (2 kappa): were it beyond
    # the range of the weights, step 8 would shrink all that the net knows, a little at every tick.
    hidden_kappa: float = 0.25
    margin_slope: float = 0.4  # b of psi = max(0, 1 - b |m|)
    threshold_rate: float = 0.01
    winner_fraction: float = 0.05
    # At creation, times U(-2, 2): into outputs, into hidden neurons, and of that the block hidden -> hidden.
    output_scale: float = 0.0
    hidden_scale: float = 0.25
    recurrent_scale: float = 0.2
    order: NDArray[np.int64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"preset is {self.preset!r}, must be one of {', '.join(PRESETS)}")
        if self.readout not in ("softmax", "clamp"):
            raise ValueError(f"readout is {self.readout!r}, must be softmax or clamp")
        _check_ids(self.num_neurons, self.input_ids, self.output_ids)
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed is {self.seed}, must be in [0, 2**63)")
        named = {*self.input_ids, *self.output_ids}
        hidden = [neuron for neuron in range(self.num_neurons) if neuron not in named]
        object.__setattr__(self, "order", np.array([*self.input_ids, *hidden, *self.output_ids], np.int64))

    @property
    def n_in(self) -> int:
        return len(self.input_ids)

    @property
    def n_out(self) -> int:
        return len(self.output_ids)

    @property
    def n_hidden(self) -> int:
        return self.num_neurons - self.n_in - self.n_out

    @property
    def winners(self) -> int:
        """How many hidden neurons fire at a tick."""
        return max(1, round(self.winner_fraction * self.n_hidden)) if self.n_hidden else 0

    @property
    def columns(self) -> int:
        """How many columns of W are stored: all of `literal`, else only those that learn (not into inputs)."""
        return self.num_neurons if self.preset == "literal" else self.num_neurons - self.n_in


def _check_ids(num_neurons: int, input_ids: Sequence[int], output_ids: Sequence[int]) -> None:
    for name, ids in (("input_ids", input_ids), ("output_ids", output_ids)):
        if not ids:
            raise ValueError(f"{name} is empty")
        if len(set(ids)) < len(ids):
            raise ValueError(f"{name} names a neuron twice")
        if min(ids) < 0 or max(ids) >= num_neurons:
            raise ValueError(f"{name} has a neuron outside 0 to {num_neurons - 1}")
    both = set(input_ids) & set(output_ids)
    if both:
        raise ValueError(f"neuron {min(both)} is both an input and an output")


@dataclass(slots=True)
class ShortTerm:
    """What a net has in mind: its activity, and what the next tick's learning needs of the ticks before."""

    x: Float32  # (N,)
    x_before: Float32  # (N,)
    margins: Float32  # (H,)

    @classmethod
    def empty(cls, params: Params) -> ShortTerm:
        n = params.num_neurons
        return cls(*(np.zeros(size, np.float32) for size in (n, n, params.n_hidden)))


@dataclass(slots=True)
class State:
    """What changes. Nothing else is needed to go on exactly; all of it is in every snapshot and every hash.

    `W = a U + b` for the stored columns (`scale` holds a and b), exactly 0 for dead synapses: the normalisation of
    step 8 changes two numbers, not the matrix. Columns into inputs, which only `literal` stores, never learn: of them
    the extremes are kept, as `scale[2:]`, and the rest is drawn from the seed when somebody asks.
    """

    U: Float32  # (N, columns)
    scale: Float64  # (4,): a, b, lowest and highest of the columns that are not stored
    alive: NDArray[np.bool_] | None  # (N, columns); None: all
    x: Float32  # (N,) activity after the last tick
    x_before: Float32  # (N,) the state before it
    margins: Float32  # (H,) m: how far each hidden neuron was from the threshold of winning
    thresholds: Float32  # (H,) theta
    collected: Float32  # (2, N) of `literal`: U^T x and the living sources' sum, summed in the pass of the tick before

    def swap(self, mind: ShortTerm) -> ShortTerm:
        """Takes `mind` over, and hands over what was in its place."""
        before = ShortTerm(self.x, self.x_before, self.margins)
        self.x, self.x_before, self.margins = mind.x, mind.x_before, mind.margins
        return before

    def adopt_(self, params: Params, weights: Float32, alive: NDArray[np.bool_] | None) -> None:
        """W becomes `weights` (N, columns), in [-2, 2], which it takes over; synapses that are not alive die.

        Step 8 would stretch weights that do not fill the range at the next tick that learns, and make another net of
        them. So synapses into inputs, which are disregarded, hold it: of `literal` two that are stored.
        """
        self.U, self.scale = weights, np.array([1.0, 0.0, LOW, HIGH])
        if alive is not None:
            self.alive = alive if self.alive is None else self.alive & alive
        if params.preset == "literal":
            living = np.ones_like(weights, np.bool_) if self.alive is None else self.alive
            for (i, j), weight in zip(np.argwhere(living[:, : params.n_in]), (LOW, HIGH), strict=False):
                weights[i, j] = weight
        self.settle_(params)

    def settle_(self, params: Params) -> None:
        """After something wrote into U or `alive`: the dead are 0, and of `literal` what was derived is so again."""
        if self.alive is not None:
            self.U[~self.alive] = 0.0
        if params.preset == "literal":
            living = self.U.ravel() if self.alive is None else self.U[self.alive]
            sources = np.full(len(self.x), self.x.sum()) if self.alive is None else self.x @ self.alive
            self.collected = np.stack([self.x @ self.U, sources]).astype(np.float32)
            if living.size and living.max() > living.min():  # step 8, at once: or silence would do it
                a = (HIGH - LOW) / (float(living.max()) - float(living.min()))
                self.scale[:2] = a, LOW - a * float(living.min())

    def copy(self) -> State:
        alive = None if self.alive is None else self.alive.copy()
        return replace(self.fork(), U=self.U.copy(), scale=self.scale.copy(), alive=alive)

    def fork(self) -> State:
        """The same matrix, not copied; activity of its own."""
        return replace(
            self,
            x=self.x.copy(),
            x_before=self.x_before.copy(),
            margins=self.margins.copy(),
            thresholds=self.thresholds.copy(),
            collected=self.collected.copy(),
        )

    def stored_weights(self) -> Float32:
        """(N, columns) float32 after step 8."""
        a, b = self.scale[:2]
        if a == 1.0 and b == 0.0:
            weights = self.U.copy()
        else:
            weights = self.U * np.float32(a)
            weights += np.float32(b)
        if self.alive is not None:
            weights[~self.alive] = 0.0
        return weights


def create(params: Params) -> State:
    """A newborn net: W ~ U(-2, 2), seeded, and silent.

    For the presets other than `literal`, columns into outputs and the block hidden -> hidden begin small.
    """
    n, columns = params.num_neurons, params.columns
    U = _uniform(params.seed, stream=0, shape=(n, columns))
    if params.preset == "literal":
        _stretch_(U, LOW, HIGH)
    else:
        hidden = params.n_hidden
        U[:, :hidden] *= np.float32(params.hidden_scale)
        U[params.n_in : params.n_in + hidden, :hidden] *= np.float32(params.recurrent_scale)
        U[:, hidden:] *= np.float32(params.output_scale)
    zeros = np.zeros(n, np.float32)
    return State(
        U=U,
        scale=np.array([1.0, 0.0, LOW, HIGH]),
        alive=None,
        x=zeros,
        x_before=zeros.copy(),
        margins=np.zeros(params.n_hidden, np.float32),
        thresholds=np.zeros(params.n_hidden, np.float32),
        collected=np.zeros((2, n if params.preset == "literal" else 0), np.float32),
    )


def whole_matrix(params: Params, state: State) -> Float32:
    """(N, N) float32 after step 8, in the inner order; columns that are not stored are drawn again from the seed."""
    stored = state.stored_weights()
    if params.columns == params.num_neurons:
        return stored
    frozen = _uniform(params.seed, stream=1, shape=(params.num_neurons, params.n_in))
    _stretch_(frozen, *state.scale[2:])
    return np.hstack([frozen, stored])


def _uniform(seed: int, stream: int, shape: tuple[int, int]) -> Float32:
    random = np.random.Generator(np.random.PCG64([seed, stream]))
    drawn = random.random(shape, dtype=np.float32)
    drawn *= np.float32(HIGH - LOW)
    drawn += np.float32(LOW)
    return drawn


def _stretch_(values: Float32, low: float, high: float) -> None:
    """Min-max to [low, high], in place; untouched where all are equal."""
    lowest, highest = float(values.min()), float(values.max())
    if highest > lowest:
        values -= np.float32(lowest)
        values *= np.float32((high - low) / (highest - lowest))
        values += np.float32(low)
