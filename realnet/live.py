"""LiveNet: a net that lives. No threads, no clock, no files unless asked: for a notebook or for an engine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from numpy.typing import ArrayLike

from realnet.checkpoint import Checkpoint
from realnet.core.birth import create, whole_matrix
from realnet.core.checks import checked_rate, checked_rows, checked_weights
from realnet.core.presets import of_preset
from realnet.core.state import HIGH, LOW, SHORT_TERM, Float32, Params, Preset, ShortTerm, State, check_mind, silence
from realnet.kernels import Kernel, SparseFrames, begin_snapshot, open_kernel
from realnet.kernels.together import LivesTogether, Together
from realnet.shown import Shown, shown_rate

if TYPE_CHECKING:
    from realnet.core.network import RealNet
    from realnet.kernels.cpu_dense import CpuDense


class LiveNet(Shown):
    """N neurons, one N x N matrix, no layers. It learns at every tick.

        net = LiveNet(num_neurons=200, input_ids=range(64), output_ids=range(190, 200), seed=0)
        outputs = net.run(frames, teachers)

    Attributes:
        tick: how many ticks it has lived.
        threads: how many compute it; the bits are the same for any number.
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

        `kernel` is `cpu`, `cuda`, `torch`, `sharded` or `reference`; the default is `cpu` on the CPU, `cuda` on a GPU
        where Triton is installed, `sharded` on the device of this name, and `torch` on any other.
        `threads` is for `literal` on the CPU. Raises ValueError, or TypeError for an unknown constant.
        """
        own_rate, own_constants = of_preset(preset, readout)
        params = Params(
            num_neurons=num_neurons,
            input_ids=tuple(map(int, input_ids)),
            output_ids=tuple(map(int, output_ids)),
            preset=preset,
            readout=readout,
            seed=seed,
            **(own_constants | constants),
        )
        self._begin(params, _open(params, create(params), device, kernel, threads), device, threads)
        self.learning_rate = own_rate if learning_rate is None else learning_rate

    def _begin(self, params: Params, kernel: Kernel, device: str, threads: int) -> None:
        """Set all that a net is made of; its learning rate apart."""
        self._params, self._kernel, self.threads = params, kernel, threads
        self.num_neurons, self.input_ids, self.output_ids = params.num_neurons, params.input_ids, params.output_ids
        self.preset, self.seed, self.device, self.kernel = params.preset, params.seed, device, kernel.name
        self.tick, self.read_only = 0, False

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
        """Make a silent net that begins with a copy of the model's matrix and learns on by the rule of its preset.

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
        params = replace(net._params, born=params.born)
        net._begin(params, _open(params, model.live_state(), device, kernel, threads), device, threads)
        return net

    def to_model(self) -> RealNet:
        """Return a RealNet of `ffwf` dynamics with a copy of the matrix, (N, N), to be fitted and wrapped again."""
        from realnet.core.network import RealNet  # brings PyTorch, which a net on the CPU does without

        return RealNet.of_live(self._params, self._kernel.snapshot())

    def facts(self) -> dict[str, str]:
        """Return what it is, how large and how old, by name, for people to read."""
        return {
            "preset": self.preset,
            "size": str(self._params),
            "tick": f"{self.tick:,}",
            "learning rate": shown_rate(self.learning_rate, self.read_only),
            "device": self.device,
        }

    @property
    def nbytes(self) -> int:
        """Return the bytes of its weights."""
        return 4 * self.num_neurons * self._params.columns

    @property
    def takes_threads(self) -> bool:
        """Return whether it can compute on several threads: `literal` on the CPU."""
        return self.preset == "literal" and self.kernel == "cpu"

    @property
    def lives_together(self) -> bool:
        """Return whether `run_together` is one pass over the matrix for all: `literal` on a kernel that can do it."""
        return self.preset == "literal" and self.kernel in ("cpu", "reference")

    def use_threads(self, threads: int) -> None:
        """Compute on so many threads from now on; the bits stay the same. Raises ValueError for a net that can't."""
        if not self.takes_threads:
            raise ValueError(f"a net of {self.preset} on the kernel {self.kernel} takes one thread")
        self.threads = threads
        cast("CpuDense", self._kernel).use_threads(threads)

    @property
    def learning_rate(self) -> float:
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = checked_rate(value)

    @property
    def state(self) -> Float32:
        """Return (N,) x, the activity after the last tick; a copy."""
        activity = self._kernel.activity()
        arranged = np.empty_like(activity)
        arranged[self._params.order] = activity
        return arranged

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
        rate = self._learning_rate if learning_rate is None else checked_rate(learning_rate)
        if self.read_only and plasticity > 0:
            raise ValueError("a fork only reads its matrix: run it with plasticity=0")
        shown, taught = self._checked(frames, teachers)
        outputs = self._kernel.run(shown, taught, plasticity * rate)
        self.tick += len(shown)
        return outputs

    def run_together(
        self,
        minds: Sequence[ShortTerm | None],
        frames: Sequence[ArrayLike | SparseFrames],
        teachers: Sequence[ArrayLike | None] | None = None,
        rates: Sequence[float] | None = None,
        goes_on: bool = False,
    ) -> Together:
        """Have several sessions of a net of `literal` live at once: a pass over the matrix is a tick of each.

            said = net.run_together([None, None], [frames_of_ada, frames_of_bob])
            said = net.run_together(said.minds, [more_of_ada, more_of_bob], goes_on=True)

        At a tick all fire from the same weights, which then learn from one session after the other, in their order,
        and are normalised once. It is another life than one session after the other. Of one alone it is that of `run`.
        The kernel is `cpu` or `reference`; a net on another goes to the CPU and comes back, which is slow.

        Args:
            minds: what each has in mind, as of `swap` or of this; None: nothing. The net's own stays what it is.
            frames: of each session as of `run`; one that has fewer drops out.
            teachers: of each session as of `run`; None: there are none.
            rates: the learning rate of each; None: the net's own; of 0 nothing is learnt.
            goes_on: nothing was learnt since the minds were returned by this.

        Raises:
            ValueError: it names the place, and nothing has changed.
        """
        if self.preset != "literal":
            raise ValueError(f"only sessions of a net of literal live together, and this one's preset is {self.preset}")
        teachers = [None] * len(minds) if teachers is None else teachers
        rates = [self._learning_rate] * len(minds) if rates is None else [*map(checked_rate, rates)]
        if not minds or not len(minds) == len(frames) == len(teachers) == len(rates):
            raise ValueError("minds, frames, teachers and rates must be those of the same sessions, at least one")
        if self.read_only and any(rates):
            raise ValueError("a fork only reads its matrix: run it with rates of 0")
        told = [self._checked(*each) for each in zip(frames, teachers, strict=True)]
        for mind in minds:
            if mind is not None:
                check_mind(self._params, mind)
        kept = (*SHORT_TERM, "collected") if goes_on else SHORT_TERM
        taken = [
            silence(self._params) if mind is None else {name: mind[name] for name in kept if name in mind}
            for mind in minds
        ]
        given = taken, [shown for shown, _ in told], [taught for _, taught in told], rates
        if self.lives_together:
            together = cast("LivesTogether", self._kernel).run_together(*given)
        else:
            kernel = open_kernel("cpu", self._params, self._kernel.snapshot())
            together = cast("LivesTogether", kernel).run_together(*given)
            self._kernel = _open(self._params, kernel.snapshot(), self.device, self.kernel, self.threads)
        self.tick += sum(map(len, together.outputs))
        return together

    def _checked(
        self, frames: ArrayLike | SparseFrames, teachers: ArrayLike | None
    ) -> tuple[SparseFrames, Float32 | None]:
        """Return them as a kernel takes them. Raises ValueError."""
        if isinstance(frames, SparseFrames):
            frames.check(self._params.n_in)
        else:
            frames = SparseFrames.from_dense(checked_rows("frames", frames, self._params.n_in, nan_rows=False))
        if teachers is None:
            return frames, None
        taught = checked_rows("teachers", teachers, self._params.n_out, nan_rows=True)
        if len(taught) != len(frames):
            raise ValueError(f"there are {len(taught)} teachers for {len(frames)} frames")
        return frames, taught

    def respond(self) -> Float32:
        """Return (n_out,) what the outputs will say at the next tick; of `literal`, at a frame of zeros."""
        return self._kernel.respond()

    def rest(self, ticks: int) -> None:
        """Count ticks in which nothing moves. Raises ValueError if they are fewer than 0."""
        if ticks < 0:
            raise ValueError("ticks must be at least 0")
        self.tick += ticks

    def forget(self) -> None:
        """Empty the activity, as of a newborn; what the net has learnt stays."""
        self.swap()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Set the activity aside: within, the net begins with nothing in mind; after it, the activity is back.

        What the net learns within, and the ticks, stay.
        """
        before = self.swap()
        try:
            yield
        finally:
            self.swap(before)

    def swap(self, mind: ShortTerm | None = None, goes_on: bool = False) -> ShortTerm:
        """Take `mind` over as the activity, None: silence, and return what was in its place.

        It `goes_on` where nothing was learnt since it was set aside: then what was summed for it holds.
        """
        if mind is None:
            mind = silence(self._params)
        elif not goes_on:
            mind = {name: mind[name] for name in SHORT_TERM}
        return self._kernel.swap(mind)

    def check_mind(self, mind: ShortTerm) -> None:
        """Raise ValueError, naming the array, unless `swap` may be handed this."""
        check_mind(self._params, mind)

    def fork(self) -> LiveNet:
        """Return a net with activity of its own over this one's matrix, which it only reads; this one may learn on."""
        fork = LiveNet.__new__(LiveNet)
        fork._begin(self._params, self._kernel.fork(), self.device, self.threads)
        fork.learning_rate, fork.tick, fork.read_only = self.learning_rate, self.tick, True
        return fork

    def weights(self) -> Float32:
        """Return (N, N) float32 after step 8: 4 N^2 bytes. Columns into inputs, which do not learn, are drawn again."""
        matrix = np.empty((self.num_neurons, self.num_neurons), np.float32)
        order = self._params.order
        matrix[np.ix_(order, order)] = whole_matrix(self._params, self._kernel.snapshot())
        return matrix

    def prune(self, dead: ArrayLike) -> None:
        """Kill the synapses where `dead`, (N, N) bool, says so: they are exactly 0 from now on. Raises ValueError."""
        mask = np.asarray(dead)
        if mask.shape != (self.num_neurons, self.num_neurons) or mask.dtype != np.bool_:
            raise ValueError(f"dead must be a ({self.num_neurons}, {self.num_neurons}) array of bool")
        if self.read_only:
            raise ValueError("a fork only reads its matrix")
        state, order = self._kernel.snapshot(), self._params.order
        killed = mask[np.ix_(order, order)][:, self._params.stored]
        state.alive = ~killed if state.alive is None else state.alive & ~killed
        state.settle_(self._params)
        self._kernel = _open(self._params, state, self.device, self.kernel, self.threads)

    def adopt(self, weights: ArrayLike, base: ArrayLike | None = None, alive: ArrayLike | None = None) -> None:
        """Go on with other weights, such as a fit has made of this net's. All else stays as it is.

        Args:
            weights: (N, columns) in [-2, 2], after step 8: of `State.stored_weights`.
            base: the weights of the fork that was fitted: W becomes W + weights - base, back in [-2, 2], so that what
                was learnt since stays; None: W becomes `weights`.
            alive: (N, columns) bool; all other synapses die. What is dead already stays dead.

        Raises:
            ValueError: it names what is wrong, and nothing has changed.
        """
        if self.read_only:
            raise ValueError("a fork only reads its matrix")
        shape = self.num_neurons, self._params.columns
        adopted = checked_weights("weights", weights, shape, HIGH)
        mask = None if alive is None else np.array(alive)
        if mask is not None and (mask.shape != shape or mask.dtype != np.bool_):
            raise ValueError(f"alive must be a {shape} array of bool")
        state = self._kernel.snapshot()
        if base is not None:
            adopted -= checked_weights("base", base, shape, HIGH)
            adopted += state.stored_weights()
            np.clip(adopted, LOW, HIGH, out=adopted)
        state.adopt_(self._params, adopted, mask)
        self._kernel = _open(self._params, state, self.device, self.kernel, self.threads)

    def checkpoint(self) -> Checkpoint:
        """Return a copy of everything."""
        return self.begin_checkpoint()()

    def begin_checkpoint(self) -> Callable[[], Checkpoint]:
        """Take a copy of everything; what is returned waits for it, on any thread, while the net lives on.

        On a GPU it is copied there at once, and then to the host; elsewhere there is nothing to wait for.
        """
        params, taken = self._params, begin_snapshot(self._kernel)
        facts = {"kind": "net", "tick": self.tick, "learning_rate": self.learning_rate}
        return lambda: Checkpoint.of_net(params, taken(), **facts)

    @classmethod
    def from_checkpoint(
        cls, checkpoint: Checkpoint, device: str = "cpu", kernel: str | None = None, threads: int = 1
    ) -> LiveNet:
        """Return the net that made it. Takes its arrays over, so it can be used once. Raises ValueError."""
        net = cls.__new__(cls)
        params = checkpoint.params()
        net._begin(params, _open(params, checkpoint.state(), device, kernel, threads), device, threads)
        net.learning_rate, net.tick = checkpoint.config["learning_rate"], checkpoint.tick
        return net

    def save(self, path: str | Path) -> None:
        """Write everything to one safetensors file, which `realnet.load` reads as well."""
        self.checkpoint().save(path)

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu") -> LiveNet:
        """Return the net that was saved, which goes on exactly. Raises ValueError if the file is none of a net."""
        return cls.from_checkpoint(Checkpoint.load(path), device)


def _open(params: Params, state: State, device: str, kernel: str | None, threads: int) -> Kernel:
    if kernel is None:
        on_a_gpu = device.startswith("cuda") and find_spec("triton") is not None
        kernel = device if device in ("cpu", "sharded") else "cuda" if on_a_gpu else "torch"
    return open_kernel(kernel, params, state, device, threads)
