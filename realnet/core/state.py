"""What is chosen of a net (Params), and what changes while it lives (State).

A neuron has an id, the caller's number, which it keeps for good. Inside, neurons stand in one order: inputs, hidden,
outputs, each in the order in which they were named, and hidden ones by id. So places may shift, and ids never do:
`Params.order` is the id at each place, and `inputs`, `hidden` and `outputs` say which places are whose.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from realnet.core.checks import check_ids, is_number, is_whole

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

Preset = Literal["literal", "manifesto", "surprise"]
PRESETS: tuple[Preset, ...] = ("literal", "manifesto", "surprise")

LOW, HIGH = -2.0, 2.0  # the range of every weight


@dataclass(frozen=True, slots=True)
class Params:
    """What is chosen of a net. All is checked once, here: a ValueError names what is wrong.

    Attributes:
        readout: what the outputs are, of the presets other than `literal`: "softmax" (they share 1: one-hot teachers,
            tokens) or "clamp" (each for itself in [0, 1], also graded teachers).
        born: how many neurons the net was born with; None: all. The later ones are hidden, with the next ids.
        order: (N,) the id of the neuron at each place.
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
    born: int | None = None
    order: NDArray[np.int64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"preset is {self.preset!r}, must be one of {', '.join(PRESETS)}")
        if self.readout not in ("softmax", "clamp"):
            raise ValueError(f"readout is {self.readout!r}, must be softmax or clamp")
        check_ids(self.num_neurons, self.input_ids, self.output_ids)
        if not is_whole(self.seed) or not 0 <= self.seed < 2**63:
            raise ValueError(f"seed is {self.seed}, must be in [0, 2**63)")
        for name in _CONSTANTS:
            if not is_number(value := getattr(self, name)):
                raise ValueError(f"{name} is {value!r}, must be a finite number")
        if not 0 <= self.winner_fraction <= 1:
            raise ValueError(f"winner_fraction is {self.winner_fraction}, must be in [0, 1]")
        named = {*self.input_ids, *self.output_ids}
        if self.born is not None and not (is_whole(self.born) and max(named) < self.born <= self.num_neurons):
            raise ValueError(
                f"born is {self.born}, must be from {max(named) + 1}, all inputs and outputs, to all neurons"
            )
        hidden = [neuron for neuron in range(self.num_neurons) if neuron not in named]
        object.__setattr__(self, "order", np.array([*self.input_ids, *hidden, *self.output_ids], np.int64))

    def __str__(self) -> str:
        return f"{self.num_neurons} neurons ({self.n_in} in, {self.n_hidden} hidden, {self.n_out} out)"

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
    def inputs(self) -> slice:
        """Return the places of the inputs."""
        return slice(0, self.n_in)

    @property
    def hidden(self) -> slice:
        """Return the places of the hidden neurons."""
        return slice(self.n_in, self.num_neurons - self.n_out)

    @property
    def outputs(self) -> slice:
        """Return the places of the outputs."""
        return slice(self.num_neurons - self.n_out, self.num_neurons)

    @property
    def stored(self) -> slice:
        """Return the places of the neurons whose columns of W are stored."""
        return slice(self.num_neurons - self.columns, self.num_neurons)

    @property
    def by_birth(self) -> NDArray[np.int64]:
        """Return (N,) when the neuron at each place was born: those of the beginning by their places then."""
        born, places = self.born or self.num_neurons, np.arange(self.num_neurons)
        first, last = places[: born - self.n_out], places[born - self.n_out : born]
        return np.concatenate([first, places[born:], last])

    @property
    def winners(self) -> int:
        """Return how many hidden neurons fire at a tick."""
        return max(1, round(self.winner_fraction * self.n_hidden)) if self.n_hidden else 0

    @property
    def columns(self) -> int:
        """Return how many columns of W are stored: all of `literal`, else only those that learn (not into inputs)."""
        return self.num_neurons if self.preset == "literal" else self.num_neurons - self.n_in

    @property
    def n_collected(self) -> int:
        """Return of how many neurons a state holds the next sums: all of `literal`, else none."""
        return self.num_neurons if self.preset == "literal" else 0


_CONSTANTS = tuple(each.name for each in fields(Params) if each.type == "float")


ShortTerm = dict[str, NDArray[Any]]  # by name the arrays of what a net has in mind; of a state those that are `short`


@dataclass(frozen=True, slots=True)
class Layout:
    """One array of a state.

    Attributes:
        shape: numbers, and the names of those attributes of `Params` that say how many.
        term: `long` is what a net has learnt. `short` is what it has in mind: it may be set aside for something else.
            `derived` follows from the others, and only spares computing it again.
        shared: a fork reads the array of its net and has no copy.
        optional: None stands for an array of ones.
    """

    shape: tuple[int | str, ...]
    term: Literal["long", "short", "derived"]
    dtype: type[np.generic] = np.float32
    shared: bool = False
    optional: bool = False

    def sizes(self, params: Params) -> tuple[int, ...]:
        """Return the shape for these neurons."""
        return tuple(size if isinstance(size, int) else int(getattr(params, size)) for size in self.shape)


def _array(*shape: int | str, term: Literal["long", "short", "derived"], **others: Any) -> dict[str, Layout]:
    return {"layout": Layout(shape, term, **others)}


@dataclass(slots=True)
class State:
    """What changes. Nothing else is needed to go on exactly; all of it is in every snapshot and every hash.

    `W = a U + b` for the stored columns (`scale` holds a and b), exactly 0 for dead synapses: the normalisation of
    step 8 changes two numbers, not the matrix. Columns into inputs, which only `literal` stores, never learn: of them
    the extremes are kept, as `scale[2:]`, and the rest is drawn from the seed when somebody asks.

    The fields are the one table of a state's arrays: what is made, copied, forked, saved, checked and moved to a device
    is by them.
    """

    U: Float32 = field(metadata=_array("num_neurons", "columns", term="long", shared=True))
    # a, b, lowest and highest of the columns that are not stored
    scale: Float64 = field(metadata=_array(4, term="long", dtype=np.float64, shared=True))
    # which synapses live; None: all
    alive: NDArray[np.bool_] | None = field(
        metadata=_array("num_neurons", "columns", term="long", dtype=np.bool_, shared=True, optional=True)
    )
    # the activity after the last tick, and after the one before it
    x: Float32 = field(metadata=_array("num_neurons", term="short"))
    x_before: Float32 = field(metadata=_array("num_neurons", term="short"))
    # m: how far each hidden neuron was from the threshold of winning
    margins: Float32 = field(metadata=_array("n_hidden", term="short"))
    # theta
    thresholds: Float32 = field(metadata=_array("n_hidden", term="long"))
    # of `literal`: U^T x and the living sources' sum, summed in the pass of the tick before
    collected: Float32 = field(metadata=_array(2, "n_collected", term="derived"))

    @classmethod
    def blank(cls, params: Params, **arrays: NDArray[Any] | None) -> State:
        """Make a state of these arrays; all others are 0, and synapses live unless `alive` is told."""
        for name, layout in TABLE.items():
            if name not in arrays:
                arrays[name] = None if layout.optional else np.zeros(layout.sizes(params), layout.dtype)
        return cls(**arrays)  # type: ignore[arg-type]  # by name, of whatever kind the table says

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> State:
        """Take over the arrays of a state by name; `check_arrays` says whether they are such."""
        return cls(**{name: arrays.get(name) for name in TABLE})  # type: ignore[arg-type]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that are there by name; not copies."""
        return {name: array for name in TABLE if (array := getattr(self, name)) is not None}

    def swap(self, mind: ShortTerm) -> ShortTerm:
        """Take `mind` over, and return what was in its place."""
        before = {name: getattr(self, name) for name in SHORT_TERM}
        for name in SHORT_TERM:
            setattr(self, name, mind[name])
        return before

    def adopt_(self, params: Params, weights: Float32, alive: NDArray[np.bool_] | None) -> None:
        """Make `weights` (N, columns), in [-2, 2], the stored W, and take them over; synapses that are not alive die.

        Step 8 would stretch weights that do not fill the range at the next tick that learns, and make another net of
        them. So synapses into inputs, which are disregarded, hold it: of `literal` two that are stored.
        """
        self.U, self.scale = weights, np.array([1.0, 0.0, LOW, HIGH])
        if alive is not None:
            self.alive = alive if self.alive is None else self.alive & alive
        if params.preset == "literal":
            living = np.ones_like(weights, np.bool_) if self.alive is None else self.alive
            for (i, j), weight in zip(np.argwhere(living[:, params.inputs]), (LOW, HIGH), strict=False):
                weights[i, j] = weight
        self.settle_(params)

    def settle_(self, params: Params) -> None:
        """Make dead synapses 0 and, of `literal`, derive again what follows from U, after something wrote into it."""
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
        """Return a state that shares nothing with this one."""
        return State.of_arrays({name: array.copy() for name, array in self.arrays().items()})

    def fork(self) -> State:
        """Return a state with the same matrix, not copied, and all else of its own."""
        return State.of_arrays(
            {name: array if TABLE[name].shared else array.copy() for name, array in self.arrays().items()}
        )

    def stored_weights(self) -> Float32:
        """Return W as it is stored, (N, columns) float32 after step 8; a copy."""
        a, b = self.scale[:2]
        if a == 1.0 and b == 0.0:
            weights = self.U.copy()
        else:
            weights = self.U * np.float32(a)
            weights += np.float32(b)
        if self.alive is not None:
            weights[~self.alive] = 0.0
        return weights


TABLE: dict[str, Layout] = {each.name: each.metadata["layout"] for each in fields(State)}
SHORT_TERM = tuple(name for name, layout in TABLE.items() if layout.term == "short")


def silence(params: Params) -> ShortTerm:
    """Return what a newborn has in mind: nothing."""
    return {name: np.zeros(TABLE[name].sizes(params), np.float32) for name in SHORT_TERM}


def check_arrays(params: Params, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raise ValueError, naming the array, if these are not all arrays of a state of such a net."""
    _check(params, arrays, TABLE)
    if not arrays["scale"][0] > 0:
        raise ValueError("the array scale must begin with a number above 0")


def check_mind(params: Params, mind: ShortTerm) -> None:
    """Raise ValueError, naming the array, if such a net cannot have this in mind."""
    _check(params, mind, (*SHORT_TERM, "collected") if "collected" in mind else SHORT_TERM)


def _check(params: Params, arrays: Mapping[str, NDArray[Any]], names: Iterable[str]) -> None:
    for name in names:
        layout = TABLE[name]
        if name not in arrays:
            if layout.optional:
                continue
            raise ValueError(f"the array {name} is missing")
        array, shape = arrays[name], layout.sizes(params)
        if array.shape != shape or array.dtype != layout.dtype:
            wanted = f"{np.dtype(layout.dtype)} {shape}"
            raise ValueError(f"the array {name} is {array.dtype} {array.shape}, must be {wanted}")
        if not np.isfinite(array).all():
            raise ValueError(f"the array {name} holds a number that is not finite")
