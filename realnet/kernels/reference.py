"""The law as a kernel: `core/ffwf.py`, a tick at a time, in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from realnet.core.ffwf import Mind, literal_tick, surprise_tick
from realnet.core.state import HIGH, LOW, Float32, Params, ShortTerm, State, whole_matrix
from realnet.kernels.sparse_frames import SparseFrames


class Reference:
    """A net of any preset. Its snapshots are rounded to float32."""

    name = "reference"

    def __init__(self, params: Params, state: State) -> None:
        self._params = params
        self._tick = literal_tick if params.preset == "literal" else surprise_tick
        alive = np.ones((params.num_neurons, params.num_neurons), np.bool_)
        if state.alive is not None:
            alive[:, -params.columns :] = state.alive
        self._mind = Mind(
            W=whole_matrix(params, state).astype(float),
            x=state.x.astype(float),
            x_before=state.x_before.astype(float),
            margins=state.margins.astype(float),
            thresholds=state.thresholds.astype(float),
            alive=alive,
        )

    def run(self, frames: SparseFrames, teachers: Float32 | None, rate: float) -> Float32:
        outputs = np.empty((len(frames), self._params.n_out), np.float32)
        for t, frame in enumerate(frames.to_dense(self._params.n_in).astype(float)):
            teacher = None if teachers is None or np.isnan(teachers[t, 0]) else teachers[t].astype(float)
            self._mind, outputs[t] = self._tick(self._mind, frame, teacher, self._params, rate)
        return outputs

    def respond(self) -> Float32:
        frame = np.zeros(self._params.n_in)
        return self._tick(self._mind, frame, None, self._params, 0.0)[1].astype(np.float32)

    def fork(self) -> Reference:
        fork = Reference.__new__(Reference)
        fork._params, fork._tick, fork._mind = self._params, self._tick, replace(self._mind)
        return fork

    def swap(self, mind: ShortTerm) -> ShortTerm:
        own = self._mind
        before = ShortTerm(*(each.astype(np.float32) for each in (own.x, own.x_before, own.margins)))
        x, x_before, margins = (each.astype(float) for each in (mind.x, mind.x_before, mind.margins))
        self._mind = replace(own, x=x, x_before=x_before, margins=margins)
        return before

    def activity(self) -> Float32:
        return self._mind.x.astype(np.float32)

    def snapshot(self) -> State:
        params, mind = self._params, self._mind
        W, x, alive = mind.W.astype(np.float32), mind.x, mind.alive
        literal = params.preset == "literal"
        frozen = (LOW, HIGH) if literal else (W[:, : params.n_in].min(), W[:, : params.n_in].max())
        return State(
            U=W[:, -params.columns :].copy(),
            scale=np.array([1.0, 0.0, *frozen]),
            alive=None if alive.all() else alive[:, -params.columns :].copy(),
            x=x.astype(np.float32),
            x_before=mind.x_before.astype(np.float32),
            margins=mind.margins.astype(np.float32),
            thresholds=mind.thresholds.astype(np.float32),
            collected=np.stack([x @ mind.W, x @ alive]).astype(np.float32) if literal else np.zeros((2, 0), np.float32),
        )
