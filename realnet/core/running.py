"""The forward pass of a RealNet, dense or sparse: everything but its matrix."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from realnet.core.dynamics import Places, arrivals, literal_step, stacked, surprise_step, temporal_step
from realnet.core.state import Params

States = tuple[Tensor, Tensor]


class Network(nn.Module):
    """The base of `RealNet` and `SparseRealNet`.

    Attributes:
        params: the neurons and, for `ffwf` dynamics, preset and constants.
        dynamics: `temporal` or `ffwf`.
        B: (N,) what every neuron gets at every step beside its synapses; None in `ffwf` dynamics, which know none.
        thresholds: (H,) of the hidden neurons in `ffwf` dynamics, ascending by neuron; 0 unless a live net set them.
    """

    B: nn.Parameter | Tensor | None
    thresholds: Tensor
    _inputs: Tensor
    _hidden: Tensor
    _outputs: Tensor

    def __init__(self, params: Params, dynamics: str, pulse_mode: bool, dropout_rate: float) -> None:
        super().__init__()
        self.params, self.dynamics = params, dynamics
        self.pulse_mode, self.dropout_rate = pulse_mode, dropout_rate
        order = torch.from_numpy(params.order)
        self.register_buffer("_inputs", order[params.inputs].clone(), persistent=False)
        self.register_buffer("_hidden", order[params.hidden].clone(), persistent=False)
        self.register_buffer("_outputs", order[params.outputs].clone(), persistent=False)
        self.register_buffer("thresholds", torch.zeros(params.n_hidden if dynamics == "ffwf" else 0))
        self._steps = (temporal_step, literal_step, surprise_step)

    @property
    def num_neurons(self) -> int:
        return self.params.num_neurons

    @property
    def input_ids(self) -> list[int]:
        return list(self.params.input_ids)

    @property
    def output_ids(self) -> list[int]:
        return list(self.params.output_ids)

    def extra_repr(self) -> str:
        """Return what `repr` says beside the class."""
        return f"{self.params}, {self.dynamics if self.dynamics == 'temporal' else self.params.preset} dynamics"

    @property
    def device(self) -> torch.device:
        return self._inputs.device

    def forward(self, x_input: Tensor, steps: int = 1, current_state: Tensor | None = None) -> States:
        """Let the net think. It keeps nothing from one call to the next: what it starts from is `current_state`.

        Args:
            x_input: (batch, n_in), or a sequence (batch, T, n_in) whose item t enters at step t * (steps // T).
                In pulse mode an item is there for one step, else until the next one comes. In `ffwf` dynamics all of
                it is in [0, 1], as a live net's frames are.
            steps: how many steps it thinks; at least one for each item.
            current_state: (batch, N); None: silence.

        Returns:
            all_states: (batch, steps, N), the value of every neuron at every step, as it is read.
            final_state: (batch, N), to go on from. It is the last of `all_states`, but for the presets `surprise` and
                `manifesto`, whose outputs say what they expect and then, without a teacher, fall silent.

        Raises:
            ValueError: wrong shapes, too few steps, numbers that are not finite.
        """
        items = self.checked_input(x_input)
        if steps < 1:
            raise ValueError(f"steps is {steps}, must be at least 1")
        entering = arrivals(items.shape[1], steps, self.pulse_mode)
        if current_state is not None:
            current_state = self._checked_state(current_state, len(items))
        run = self._run_temporal if self.dynamics == "temporal" else self._run_ffwf
        return run(self._matrix(), items, entering, current_state)

    def outputs(self, states: Tensor) -> Tensor:
        """Return the outputs (..., n_out) of states (..., N), in the order of `output_ids`."""
        return states.index_select(-1, self._outputs)

    def _matrix(self) -> Tensor:
        """W, or its transpose in CSR."""
        raise NotImplementedError

    def _run_temporal(self, matrix: Tensor, items: Tensor, entering: list[int | None], h: Tensor | None) -> States:
        assert self.B is not None
        step, states = self._steps[0], []
        drives: dict[int | None, Tensor] = {None: self.B}
        alone = len(items) == 1 and matrix.layout == torch.sparse_csr  # a vector takes half the time of a (1, N) matrix
        if alone:
            items, h = items[0], None if h is None else h[0]
        for item in entering:
            if item not in drives:
                silent = self.B.expand(*items.shape[:-2], -1)
                drives[item] = silent.index_add(-1, self._inputs, items[..., item, :])
            drive = drives[item]
            # Out of silence there is nothing to collect.
            h = drive.tanh() if h is None else step(self._transmitted(h), matrix, drive)
            states.append(h)
        assert h is not None
        all_states = stacked(states)
        return (all_states[None], h[None]) if alone else (all_states, h)

    def _run_ffwf(self, matrix: Tensor, items: Tensor, entering: list[int | None], x: Tensor | None) -> States:
        _, literal, surprise = self._steps
        places = Places(self._inputs, self._hidden, self._outputs)
        silence, states = torch.zeros_like(items[:, 0]), []
        if x is None:
            x = silence.new_zeros(len(items), self.num_neurons)
        for item in entering:
            frame, sent = silence if item is None else items[:, item], self._transmitted(x)
            if self.params.preset == "literal":
                read = x = literal(sent, matrix, frame, places)
            else:
                read, x = surprise(sent, matrix, frame, self.thresholds, places, self.params)
            states.append(read)
        return stacked(states), x

    def _transmitted(self, x: Tensor) -> Tensor:
        """What leaves the neurons: in training a synapse fails at random. What is read of a neuron never does."""
        if self.training and self.dropout_rate > 0:
            return nn.functional.dropout(x, self.dropout_rate)
        return x

    def checked_input(self, x_input: Tensor) -> Tensor:
        """Return `x_input` of `forward` as (batch, T, n_in) on the net's device. Raises ValueError."""
        x, n_in = torch.as_tensor(x_input), self.params.n_in
        if x.ndim not in (2, 3) or x.shape[-1] != n_in:
            raise ValueError(f"x_input has shape {tuple(x.shape)}, must be (batch, {n_in}) or (batch, items, {n_in})")
        if x.numel() == 0:
            raise ValueError(f"x_input is empty: its shape is {tuple(x.shape)}")
        x = x.to(self.thresholds)  # its device and kind of number
        if self.dynamics == "ffwf":
            if not ((x >= 0) & (x <= 1)).all():  # also refuses NaN
                raise ValueError("x_input must be in [0, 1] in ffwf dynamics, as a live net's frames are")
        elif not x.isfinite().all():
            raise ValueError("x_input holds a number that is not finite")
        return x if x.ndim == 3 else x[:, None]

    def _checked_state(self, state: Tensor, batch: int) -> Tensor:
        if state.shape != (batch, self.num_neurons):
            wanted = (batch, self.num_neurons)
            raise ValueError(f"current_state has shape {tuple(state.shape)}, must be {wanted}: (batch, neurons)")
        if not state.isfinite().all():
            raise ValueError("current_state holds a number that is not finite")
        return state.to(self.thresholds)
