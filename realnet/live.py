"""LiveNet: a net that lives. No threads, no clock, no files unless asked: for a notebook or for an engine."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from realnet.checkpoint import Checkpoint
from realnet.core.state import HIGH, LOW, PRESETS, Float32, Params, Preset, ShortTerm, State, create, whole_matrix
from realnet.kernels import Kernel, SparseFrames, open_kernel

if TYPE_CHECKING:
    from realnet.core.network import RealNet

# Each preset's own learning rate and constants; `clamp` is for teachers that need not share 1.
_DEFAULTS: dict[str, tuple[float, dict[str, float]]] = {
    "literal": (1e-3, {}),
    "manifesto": (3.0, {"kappa": 1.0}),
    "surprise": (3.0, {"kappa": 0.02}),
}
_CLAMP_LEARNING_RATE = 0.5
_ROUNDING = 1e-5  # of a U + b in float32, beyond the range of W


class LiveNet:
    """N neurons, one N x N matrix, no layers. It learns at every tick.

        net = LiveNet(num_neurons=200, input_ids=range(64), output_ids=range(190, 200), seed=0)
        outputs = net.run(frames, teachers)

    Attributes:
        tick: how many ticks it has lived.
        learning_rate: eta of `literal` (1e-3); of the other presets c, the change of an output's log-odds, per unit of
            its surprise, if the same state came again at once (3).
        read_only: it is a fork, and shares its matrix with the net that it was forked from.
    """

    def __init__(
        self,
        num_neurons: int,
        input_ids: Sequence[int],
        output_ids: Sequence[int],
        preset: Preset = "surprise",
        learning_rate: float | None = None,
        seed: int = 0,
        device: str = "cpu",
        *,
        readout: Literal["softmax", "clamp"] = "softmax",
        kernel: str | None = None,
        threads: int = 1,
        **constants: float,
    ) -> None:
        """Neurons that are neither input nor output are hidden. All else is named in `core/state.py: Params`.

        `kernel` is `cpu`, `torch` or `reference`; the default is `cpu` on the CPU and `torch` on any other device.
        `threads` is for `literal` on the CPU. Raises ValueError, or TypeError for an unknown constant.
        """
        if preset not in PRESETS:
            raise ValueError(f"preset is {preset!r}, must be one of {', '.join(PRESETS)}")
        own_rate, own_constants = _DEFAULTS[preset]
        if readout == "clamp" and preset != "literal":
            own_rate = _CLAMP_LEARNING_RATE
        params = Params(
            num_neurons=num_neurons,
            input_ids=tuple(map(int, input_ids)),
            output_ids=tuple(map(int, output_ids)),
            preset=preset,
            readout=readout,
            seed=seed,
            **(own_constants | constants),
        )
        self._params = params
        self.learning_rate = own_rate if learning_rate is None else learning_rate
        self.tick = 0
        self._kernel = _open(params, create(params), device, kernel, threads)
        self.device, self.read_only, self._threads = device, False, threads

    @classmethod
    def from_model(
        cls,
        model: RealNet,
        learning_rate: float | None = None,
        device: str = "cpu",
        *,
        kernel: str | None = None,
        threads: int = 1,
        **constants: float,
    ) -> LiveNet:
        """A silent net that begins with a copy of the model's matrix, and goes on learning by the rule of its preset.

        With plasticity 0 it says what the model says in stream mode. Raises ValueError if the model's dynamics are not
        `ffwf`. The other arguments are those of a new net.
        """
        if model.dynamics != "ffwf":
            raise ValueError(f"the model's dynamics are {model.dynamics}: a net lives by ffwf only")
        params = model.params
        own = {name: getattr(params, name) for name in ("beta", "margin_slope", "winner_fraction")}
        net = cls(
            *(params.num_neurons, params.input_ids, params.output_ids, params.preset),
            *(learning_rate, params.seed, device),
            readout=params.readout,
            **(own | constants),
        )
        net._kernel, net._threads = _open(net._params, model.live_state(), device, kernel, threads), threads
        return net

    def to_model(self) -> RealNet:
        """A RealNet of `ffwf` dynamics with a copy of the matrix as it is, (N, N): to be fitted, and wrapped again."""
        from realnet.core.network import RealNet  # brings PyTorch, which a net on the CPU does without

        return RealNet.of_live(self._params, self._kernel.snapshot())

    def __repr__(self) -> str:
        params = self._params
        sizes = f"{params.n_in} in, {params.n_hidden} hidden, {params.n_out} out"
        fork = "fork of a " if self.read_only else ""
        return (
            f"<{fork}LiveNet {self.preset}: {self.num_neurons} neurons ({sizes}), tick {self.tick}, on {self.device}>"
        )

    @property
    def num_neurons(self) -> int:
        return self._params.num_neurons

    @property
    def input_ids(self) -> tuple[int, ...]:
        return self._params.input_ids

    @property
    def output_ids(self) -> tuple[int, ...]:
        return self._params.output_ids

    @property
    def preset(self) -> Preset:
        return self._params.preset

    @property
    def kernel(self) -> str:
        return self._kernel.name

    @property
    def learning_rate(self) -> float:
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = _rate(value)

    @property
    def state(self) -> Float32:
        """(N,) x, the activity after the last tick; a copy."""
        return self._by_neuron(self._kernel.activity())

    def run(
        self,
        frames: ArrayLike | SparseFrames,
        teachers: ArrayLike | None = None,
        plasticity: float = 1.0,
        learning_rate: float | None = None,
    ) -> Float32:
        """Tick once for each frame.

        Args:
            frames: (T, n_in) in [0, 1].
            teachers: (T, n_out) in [0, 1], forced on the outputs; a row of NaN where there is none.
            plasticity: times the learning rate; at 0 nothing is learnt.
            learning_rate: of these ticks; None: the net's own, which stays what it is.

        Returns:
            (T, n_out) in [0, 1]: what the outputs said, each before its teacher.

        Raises:
            ValueError: it names the place, and nothing has changed.
        """
        if not (math.isfinite(plasticity) and plasticity >= 0):
            raise ValueError("plasticity must be a number, at least 0")
        rate = self._learning_rate if learning_rate is None else _rate(learning_rate)
        if self.read_only and plasticity > 0:
            raise ValueError("a fork only reads its matrix: run it with plasticity=0")
        if isinstance(frames, SparseFrames):
            frames.check(self._params.n_in)
        else:
            frames = SparseFrames.from_dense(_checked("frames", frames, self._params.n_in, nan_rows=False))
        if teachers is not None:
            teachers = _checked("teachers", teachers, self._params.n_out, nan_rows=True)
            if len(teachers) != len(frames):
                raise ValueError(f"there are {len(teachers)} teachers for {len(frames)} frames")
        outputs = self._kernel.run(frames, teachers, plasticity * rate)
        self.tick += len(frames)
        return outputs

    def respond(self) -> Float32:
        """(n_out,): what the outputs will say at the next tick; of `literal`, at a frame of zeros. Changes nothing."""
        return self._kernel.respond()

    def rest(self, ticks: int) -> None:
        """Count ticks in which nothing moves."""
        if ticks < 0:
            raise ValueError("ticks must be at least 0")
        self.tick += ticks

    def forget(self) -> None:
        """Have nothing in mind, as a newborn; what it has learnt stays."""
        self._kernel.swap(ShortTerm.empty(self._params))

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Within it the net begins with nothing in mind; after it, it has in mind what it had before.

        What it learns within, and the ticks, stay.
        """
        before = self._kernel.swap(ShortTerm.empty(self._params))
        try:
            yield
        finally:
            self._kernel.swap(before)

    def fork(self) -> LiveNet:
        """A net with a state of its own over this one's matrix, which it only reads and which may go on learning."""
        fork = LiveNet.__new__(LiveNet)
        fork._params, fork._learning_rate, fork.device = self._params, self._learning_rate, self.device
        fork.tick, fork.read_only, fork._kernel = self.tick, True, self._kernel.fork()
        return fork

    def weights(self) -> Float32:
        """(N, N) float32 after step 8: 4 N^2 bytes. Columns into inputs, which do not learn, are drawn again."""
        matrix = np.empty((self.num_neurons, self.num_neurons), np.float32)
        order = self._params.order
        matrix[np.ix_(order, order)] = whole_matrix(self._params, self._kernel.snapshot())
        return matrix

    def prune(self, dead: ArrayLike) -> None:
        """Kill synapses: `dead` is (N, N) bool. They are exactly 0 from now on."""
        mask = np.asarray(dead)
        if mask.shape != (self.num_neurons, self.num_neurons) or mask.dtype != np.bool_:
            raise ValueError(f"dead must be a ({self.num_neurons}, {self.num_neurons}) array of bool")
        if self.read_only:
            raise ValueError("a fork only reads its matrix")
        state, order = self._kernel.snapshot(), self._params.order
        killed = mask[np.ix_(order, order)][:, -self._params.columns :]
        state.alive = ~killed if state.alive is None else state.alive & ~killed
        state.settle_(self._params)
        self._kernel = _open(self._params, state, self.device, self.kernel, self._threads)

    def adopt(self, weights: ArrayLike, base: ArrayLike | None = None, alive: ArrayLike | None = None) -> None:
        """Go on with other weights, such as a fit has made of this net's. All else stays as it is.

        Args:
            weights: (N, columns) in [-2, 2], after step 8: of `State.stored_weights`.
            base: the weights of the fork that was fitted. With it what was learnt since stays, too: W becomes
                W + weights - base, back in [-2, 2]; without it, `weights`.
            alive: (N, columns) bool; all other synapses die. What is dead already stays dead.

        Raises:
            ValueError: it names what is wrong, and nothing has changed.
        """
        if self.read_only:
            raise ValueError("a fork only reads its matrix")
        shape = self.num_neurons, self._params.columns
        adopted = _weights("weights", weights, shape)
        mask = None if alive is None else np.array(alive)
        if mask is not None and (mask.shape != shape or mask.dtype != np.bool_):
            raise ValueError(f"alive must be a {shape} array of bool")
        state = self._kernel.snapshot()
        if base is not None:
            adopted -= _weights("base", base, shape)
            adopted += state.stored_weights()
            np.clip(adopted, LOW, HIGH, out=adopted)
        state.adopt_(self._params, adopted, mask)
        self._kernel = _open(self._params, state, self.device, self.kernel, self._threads)

    def checkpoint(self) -> Checkpoint:
        """A copy of everything."""
        return Checkpoint.of_net(
            self._params, self._kernel.snapshot(), kind="net", tick=self.tick, learning_rate=self.learning_rate
        )

    @classmethod
    def from_checkpoint(
        cls, checkpoint: Checkpoint, device: str = "cpu", kernel: str | None = None, threads: int = 1
    ) -> LiveNet:
        """Takes the arrays of the checkpoint over, so it can be used once."""
        net = cls.__new__(cls)
        net._params = checkpoint.params()
        net.learning_rate, net.tick = checkpoint.config["learning_rate"], checkpoint.tick
        net._kernel = _open(net._params, checkpoint.state(), device, kernel, threads)
        net.device, net.read_only, net._threads = device, False, threads
        return net

    def save(self, path: str | Path) -> None:
        """Write everything to one safetensors file."""
        Path(path).write_bytes(self.checkpoint().to_bytes())

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu") -> LiveNet:
        """Go on exactly where `save` was called. Raises ValueError if the file is not such a one."""
        return cls.from_checkpoint(Checkpoint.from_bytes(Path(path).read_bytes()), device)

    def _by_neuron(self, values: Float32) -> Float32:
        arranged = np.empty_like(values)
        arranged[self._params.order] = values
        return arranged


def _rate(value: float) -> float:
    if not 0 <= value <= 1e6:  # also refuses NaN
        raise ValueError("learning_rate must be a number from 0 to 1e6")
    return float(value)


def _open(params: Params, state: State, device: str, kernel: str | None, threads: int) -> Kernel:
    return open_kernel(kernel or ("cpu" if device == "cpu" else "torch"), params, state, device, threads)


def _weights(name: str, values: ArrayLike, shape: tuple[int, int]) -> Float32:
    """A copy, float32. Raises ValueError."""
    weights = np.array(values, np.float32)
    if weights.shape != shape:
        raise ValueError(f"{name} has shape {weights.shape}, must be {shape}")
    if not (np.abs(weights) <= HIGH + _ROUNDING).all():  # also refuses NaN
        raise ValueError(f"{name} must be numbers in [{LOW:g}, {HIGH:g}]")
    return np.clip(weights, LOW, HIGH, out=weights)


def _checked(name: str, values: ArrayLike, width: int, nan_rows: bool) -> Float32:
    """(T, width) float32 with every number in [0, 1], or, if `nan_rows`, all of a row NaN. Raises ValueError."""
    try:
        array = np.ascontiguousarray(values, np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers of shape (T, {width})") from error
    if array.ndim != 2 or array.shape[1] != width:
        raise ValueError(f"{name} has shape {array.shape}, must be (T, {width})")
    allowed = (array >= 0) & (array <= 1)  # also refuses NaN and infinity
    if nan_rows:
        allowed |= np.isnan(array).all(axis=1, keepdims=True)
    if not allowed.all():
        t, i = np.argwhere(~allowed)[0]
        raise ValueError(f"{name}[{t}, {i}] must be a number in [0, 1]" + (" (or all of the row NaN)" * nan_rows))
    return array
