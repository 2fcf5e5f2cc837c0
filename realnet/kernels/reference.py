"""The law as a kernel: `core/ffwf.py`, a tick at a time, in float64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from realnet.core.birth import whole_matrix
from realnet.core.ffwf import Mind, literal_tick, literal_tick_together, surprise_tick
from realnet.core.state import HIGH, LOW, SHORT_TERM, Float32, Params, ShortTerm, State
from realnet.kernels.sparse_frames import SparseFrames
from realnet.kernels.together import Together

_AS_STORED = tuple(each.name for each in fields(Mind) if each.name not in ("W", "alive"))


class Reference:
    """A net of any preset. Its snapshots are rounded to float32."""

    name = "reference"

    def __init__(self, params: Params, state: State) -> None:
        self._params = params
        self._tick = literal_tick if params.preset == "literal" else surprise_tick
        alive = np.ones((params.num_neurons, params.num_neurons), np.bool_)
        if state.alive is not None:
            alive[:, params.stored] = state.alive
        self._mind = Mind(
            W=whole_matrix(params, state).astype(float),
            alive=alive,
            **{name: getattr(state, name).astype(float) for name in _AS_STORED},
        )

    def run(self, frames: SparseFrames, teachers: Float32 | None, rate: float) -> Float32:
        outputs = np.empty((len(frames), self._params.n_out), np.float32)
        for t, frame in enumerate(frames.to_dense(self._params.n_in).astype(float)):
            teacher = None if teachers is None or np.isnan(teachers[t, 0]) else teachers[t].astype(float)
            self._mind, outputs[t] = self._tick(self._mind, frame, teacher, self._params, rate)
        return outputs

    def run_together(
        self,
        minds: Sequence[ShortTerm],
        frames: Sequence[SparseFrames],
        teachers: Sequence[Float32 | None],
        rates: Sequence[float],
    ) -> Together:
        """See `LivesTogether`; for `literal`."""
        params, own = self._params, self._mind
        living = [replace(own, **{name: mind[name].astype(float) for name in SHORT_TERM}) for mind in minds]
        shown = [each.to_dense(params.n_in).astype(float) for each in frames]
        outputs = [np.empty((len(each), params.n_out), np.float32) for each in frames]
        following = np.empty((len(minds), params.n_out), np.float32)
        for t in range(1 + max(map(len, shown))):
            here = [s for s, each in enumerate(shown) if t < len(each)]
            for s, each in enumerate(shown):
                if t == len(each):
                    frame = np.zeros(params.n_in)
                    following[s] = literal_tick(replace(living[s], W=own.W), frame, None, params, 0.0)[1]
            if not here:
                break
            told = [None if (rows := teachers[s]) is None or np.isnan(rows[t, 0]) else rows[t] for s in here]
            after, said = literal_tick_together(
                [replace(living[s], W=own.W) for s in here],
                [shown[s][t] for s in here],
                [None if teacher is None else teacher.astype(float) for teacher in told],
                params,
                [rates[s] for s in here],
            )
            for s, mind, prediction in zip(here, after, said, strict=True):
                living[s], outputs[s][t] = mind, prediction
            own = replace(own, W=after[0].W)
        self._mind = own
        return Together(
            outputs,
            following,
            [{name: getattr(mind, name).astype(np.float32) for name in SHORT_TERM} for mind in living],
        )

    def respond(self) -> Float32:
        frame = np.zeros(self._params.n_in)
        return self._tick(self._mind, frame, None, self._params, 0.0)[1].astype(np.float32)

    def fork(self) -> Reference:
        fork = Reference.__new__(Reference)
        fork._params, fork._tick, fork._mind = self._params, self._tick, replace(self._mind)
        return fork

    def swap(self, mind: ShortTerm) -> ShortTerm:
        before = {name: getattr(self._mind, name).astype(np.float32) for name in SHORT_TERM}
        self._mind = replace(self._mind, **{name: mind[name].astype(float) for name in SHORT_TERM})
        return before

    def activity(self) -> Float32:
        return self._mind.x.astype(np.float32)

    def snapshot(self) -> State:
        params, mind = self._params, self._mind
        W, x, alive = mind.W.astype(np.float32), mind.x, mind.alive
        literal = params.preset == "literal"
        frozen = (LOW, HIGH) if literal else (W[:, params.inputs].min(), W[:, params.inputs].max())
        stored = {name: getattr(mind, name).astype(np.float32) for name in _AS_STORED}
        if literal:
            stored["collected"] = np.stack([x @ mind.W, x @ alive]).astype(np.float32)
        return State.blank(
            params,
            U=W[:, params.stored].copy(),
            scale=np.array([1.0, 0.0, *frozen]),
            alive=None if alive.all() else alive[:, params.stored].copy(),
            **stored,
        )
