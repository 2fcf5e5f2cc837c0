"""What a net is born with: weights drawn from its seed."""

from __future__ import annotations

import numpy as np

from realnet.core.state import HIGH, LOW, Float32, Params, State


def create(params: Params) -> State:
    """Draw a newborn net: W ~ U(-2, 2), and silent.

    For the presets other than `literal`, columns into outputs and the block hidden -> hidden begin small.
    """
    n, columns = params.num_neurons, params.columns
    U = _uniform(params.seed, stream=0, shape=(n, columns))
    if params.preset == "literal":
        _stretch_(U, LOW, HIGH)
    else:
        hidden = params.n_hidden
        U[:, :hidden] *= np.float32(params.hidden_scale)
        U[params.hidden, :hidden] *= np.float32(params.recurrent_scale)
        U[:, hidden:] *= np.float32(params.output_scale)
    return State.blank(params, U=U, scale=np.array([1.0, 0.0, LOW, HIGH]))


def whole_matrix(params: Params, state: State) -> Float32:
    """Return (N, N) float32 after step 8, in the inner order; columns that are not stored are drawn again."""
    stored = state.stored_weights()
    if params.columns == params.num_neurons:
        return stored
    frozen = _uniform(params.seed, stream=1, shape=(params.num_neurons, params.n_in))
    low, high = map(float, state.scale[2:])
    _stretch_(frozen, low, high, rows=params.born)
    if params.born is not None:
        frozen = frozen.clip(low, high)[params.by_birth]
    return np.hstack([frozen, stored])


def _uniform(seed: int, stream: int, shape: tuple[int, int]) -> Float32:
    random = np.random.Generator(np.random.PCG64([seed, stream]))
    drawn = random.random(shape, dtype=np.float32)
    drawn *= np.float32(HIGH - LOW)
    drawn += np.float32(LOW)
    return drawn


def _stretch_(values: Float32, low: float, high: float, rows: int | None = None) -> None:
    """Map the values in place so that the first `rows`, or all, fill [low, high]; leave them where those are equal."""
    lowest, highest = float(values[:rows].min()), float(values[:rows].max())
    if highest > lowest:
        values -= np.float32(lowest)
        values *= np.float32((high - low) / (highest - lowest))
        values += np.float32(low)
