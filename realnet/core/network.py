"""RealNet: N neurons, one N x N matrix, no layers, as a PyTorch module."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from realnet.core import model_file
from realnet.core.birth import create, whole_matrix
from realnet.core.running import Network
from realnet.core.sparse import SparseRealNet
from realnet.core.state import HIGH, LOW, Params, Preset, State

_GRAPHS = "reduce-overhead", "max-autotune"  # modes of a compiler that makes CUDA graphs
_LITERAL_SCALE = 0.05  # of a live net's newborn weights in [-2, 2], where backpropagation shall begin


class RealNet(Network):
    """A net whose every neuron is connected with every neuron, itself included; depth is time.

        model = RealNet(num_neurons=10, input_ids=[0, 1], output_ids=[9])
        all_states, final_state = model(x, steps=5)
        answer = model.outputs(final_state)

    Attributes:
        W: (N, N) float32, source i to target j.
        alive: (N, N) bool; a dead synapse is exactly 0 whenever the net runs, whatever an optimizer did to W.
    """

    W: nn.Parameter
    alive: Tensor

    def __init__(
        self,
        num_neurons: int,
        input_ids: Iterable[int],
        output_ids: Iterable[int],
        pulse_mode: bool = True,
        dropout_rate: float = 0.0,
        device: str | torch.device = "cpu",
        *,
        dynamics: Literal["temporal", "ffwf"] = "temporal",
        preset: Preset = "literal",
        seed: int | None = None,
        **constants: Any,
    ) -> None:
        """Neurons that are neither input nor output are hidden.

        Args:
            pulse_mode: the input is there at one step only; else at every step.
            dropout_rate: how probably a synapse fails at a step in training, in [0, 1).
            dynamics: `temporal` (tanh), or `ffwf`, those of a live net of this `preset`, which can then wrap it.
            seed: of the weights; None: drawn from PyTorch's generator.
            constants: of `ffwf`, named in `core/state.py: Params`.

        Raises:
            ValueError: it names what is wrong.
        """
        if dynamics not in ("temporal", "ffwf"):
            raise ValueError(f"dynamics is {dynamics!r}, must be temporal or ffwf")
        if not 0 <= dropout_rate < 1:  # also refuses NaN
            raise ValueError(f"dropout_rate is {dropout_rate}, must be in [0, 1)")
        place = device_named(device)
        params = Params(
            num_neurons=_whole("num_neurons", [num_neurons])[0],
            input_ids=_whole("input_ids", input_ids),
            output_ids=_whole("output_ids", output_ids),
            preset=preset,
            seed=int(torch.randint(2**62, ()) if seed is None else seed),
            **constants,
        )
        W = _rotation(params) if dynamics == "temporal" else _newborn(params)
        self._build(W, params, dynamics, bool(pulse_mode), float(dropout_rate))
        self.to(place)

    def _build(self, W: Tensor, params: Params, dynamics: str, pulse_mode: bool, dropout_rate: float) -> None:
        super().__init__(params, dynamics, pulse_mode, dropout_rate)
        self.W = nn.Parameter(W)
        self.B = nn.Parameter(torch.zeros(len(W))) if dynamics == "temporal" else None
        self.register_buffer("alive", torch.ones_like(W, dtype=torch.bool))
        self._seen_alive: tuple[int, int] | None = None
        self._some_dead = False
        self._settled: tuple[int, int] | None = None  # the W that is allowed, as long as it is the same

    @torch.no_grad()
    def constrain_(self) -> None:
        """Make W allowed again after something wrote into it: dead synapses 0 and, in `ffwf`, all of it in [-2, 2].

        The next forward pass would do it as well; a trainer calls it after each step of its optimizer.
        """
        if self._seen_alive != _version(self.alive):
            self._seen_alive, self._some_dead = _version(self.alive), not bool(self.alive.all())
        # Through `data`: to autograd W has not changed, as it hasn't unless something wrote into it.
        if self._some_dead:
            self.W.data.masked_fill_(~self.alive, 0.0)
        if self.dynamics == "ffwf":
            self.W.data.clamp_(LOW, HIGH)

    def prune_synapses(self, threshold: float = 0.001) -> tuple[int, int, int]:
        """Kill, for good, every synapse with |W| < threshold.

        Returns:
            How many died now, how many are dead, how many there are.
        """
        if not 0 <= threshold < float("inf"):  # also refuses NaN
            raise ValueError(f"threshold is {threshold}, must be a number, at least 0")
        return self.kill_synapses(self.W.detach().abs() < threshold)

    def kill_synapses(self, dying: Tensor) -> tuple[int, int, int]:
        """Kill, for good, where `dying` (N, N) bool says so. Returns as `prune_synapses` does. Raises ValueError."""
        if dying.shape != self.alive.shape or dying.dtype != torch.bool:
            raise ValueError(f"dying must be a {tuple(self.alive.shape)} tensor of bool")
        before = int(self.alive.sum())
        self.alive &= ~dying
        after, total = int(self.alive.sum()), self.alive.numel()
        with torch.no_grad():
            self.W.masked_fill_(dying, 0.0)
        return before - after, total - after, total

    def make_sparse(self) -> SparseRealNet:
        """Return the same net for inference on its living synapses alone; this one stays as it is."""
        return SparseRealNet.from_dense(self)

    def compile(self, **options: Any) -> RealNet:  # type: ignore[override]  # nn.Module's returns nothing
        """Compile a step with `torch.compile(**options)`, and return this same model, whose results stay as they are.

        Where there is no working compiler the model stays uncompiled, with a warning.
        """
        uncompiled = self._steps
        options = {"dynamic": True} | options  # for any number of rows
        compiled = [torch.compile(step, **options) for step in uncompiled]
        self._steps = tuple(map(_copying, compiled) if options.get("mode") in _GRAPHS else compiled)  # type: ignore[assignment]
        try:
            with torch.no_grad():
                self(torch.zeros(2, self.params.n_in), steps=2)
        except Exception as error:  # whatever a missing or broken compiler raises
            self._steps = uncompiled
            warnings.warn(f"the model stays uncompiled: {repr(error).splitlines()[0]}", stacklevel=2)
        return self

    def save(self, path: str | Path) -> None:
        """Write everything to one safetensors file."""
        self.constrain_()
        model_file.write(path, self)

    @classmethod
    def load(cls, path: str | Path, device: str | torch.device = "cpu") -> RealNet:
        """Return the model that `save` wrote. Raises ValueError if the file is none of a RealNet."""
        place, model = device_named(device), cls.__new__(cls)
        chosen, tensors = model_file.read(path, cls.__name__)
        n = chosen["params"].num_neurons
        model._build(torch.empty(n, n), **chosen)
        model_file.fill(path, model, tensors)
        return model.to(place)

    def live_state(self) -> State:
        """Return what a live net of these `params` begins with to be this net: a copy of the matrix, and silence.

        Step 8 stretches living weights to [-2, 2] at the first tick that learns, and a net that was fitted with less
        would be another one then. So two synapses into inputs, which are disregarded, hold the range.
        """
        self.constrain_()
        params, order = self.params, self.params.order
        W, alive = (array.detach().cpu().numpy()[np.ix_(order, order)] for array in (self.W, self.alive))
        if params.preset == "literal":
            for (i, j), weight in zip(np.argwhere(alive[:, params.inputs]), (LOW, HIGH), strict=False):
                W[i, j] = weight
        return State.blank(
            params,
            U=W[:, params.stored].copy(),
            scale=np.array([1.0, 0.0, LOW, HIGH]),
            alive=None if alive.all() else alive[:, params.stored].copy(),
            thresholds=self.thresholds.cpu().numpy().copy(),
        )

    @classmethod
    def of_live(cls, params: Params, state: State) -> RealNet:
        """Return a copy of what a live net with this state is now, in `ffwf` dynamics and stream mode, to be fitted."""
        model, order = cls.__new__(cls), torch.from_numpy(params.order)
        model._build(_by_neuron(params, state), params, "ffwf", pulse_mode=False, dropout_rate=0.0)
        if state.alive is not None:
            model.alive[order[:, None], order[params.stored]] = torch.from_numpy(state.alive)
        model.thresholds.copy_(torch.from_numpy(state.thresholds))
        return model

    def _matrix(self) -> Tensor:
        training = torch.is_grad_enabled() and self.W.requires_grad
        # A fused optimizer writes into W without a new version: where one may be at work, nothing is taken on trust.
        watched = training or self.W.grad is not None
        if watched or self._settled != _version(self.W):
            self.constrain_()
            self._settled = None if watched else _version(self.W)
        if training and self._some_dead:
            return self.W.masked_fill(~self.alive, 0.0)  # they are 0 already: this keeps their gradient 0
        return self.W


def _copying(step: Callable[..., Any]) -> Callable[..., Any]:
    """Have what a step returns outlive the next one: CUDA graphs return the same memory each time that they run."""

    def copying(*given: Any) -> Any:
        said = step(*given)
        return tuple(each.clone() for each in said) if isinstance(said, tuple) else said.clone()

    return copying


def _version(tensor: Tensor) -> tuple[int, int]:
    return id(tensor), tensor._version


def _whole(name: str, values: Iterable[int]) -> tuple[int, ...]:
    try:
        return tuple(map(operator.index, values))
    except TypeError as error:
        raise ValueError(f"{name} must be whole numbers: {error}") from error


def device_named(name: str | torch.device) -> torch.device:
    """Return the device of this name. Raises ValueError if it isn't there."""
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # an AssertionError from a build without CUDA
        raise ValueError(f"device {str(name)!r} is not there: {str(error).splitlines()[0]}") from error


def _rotation(params: Params) -> Tensor:
    """(N, N) orthogonal with determinant 1: what passes through neither fades nor explodes, and is not mirrored.

    It matters little: of 1,000 nets of three neurons 98% of the rotations and 96% of the mirrored ones learn XOR to an
    error below .01, and 99% of both get its signs right.
    """
    W = torch.empty(params.num_neurons, params.num_neurons)
    nn.init.orthogonal_(W, generator=torch.Generator().manual_seed(params.seed))
    W[:, 0] *= torch.linalg.slogdet(W).sign
    return W


def _newborn(params: Params) -> Tensor:
    """(N, N): a newborn live net's; of `literal`, small, as backpropagation wants it."""
    state = create(params)
    if params.preset == "literal":
        state.U *= np.float32(_LITERAL_SCALE)
    return _by_neuron(params, state)


def _by_neuron(params: Params, state: State) -> Tensor:
    """(N, N), in the caller's numbering."""
    W, order = torch.empty(params.num_neurons, params.num_neurons), torch.from_numpy(params.order)
    W[order[:, None], order] = torch.from_numpy(whole_matrix(params, state))
    return W
