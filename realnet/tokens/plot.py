"""Curves of what a learner of tokens has said; they need matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from realnet.score import HORIZON, Score
from realnet.tokens.outputs import TokenOutputs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 500  # of a curve, however many tokens there are


def plot_learning(batches: Sequence[TokenOutputs]) -> tuple[Axes, Axes]:
    """Draw the moving bits a token and accuracy over ticks, as `Learner.score` has them; return both axes.

    Raises ValueError for outputs that lack `predicted`, and ModuleNotFoundError where matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot as plt
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        why = "a plot needs matplotlib, which is not installed here: pip install 'realnet-live[plot]'"
        raise ModuleNotFoundError(why, name="matplotlib") from None
    if not any(map(len, batches)):
        raise ValueError("there are no outputs to plot")
    outputs = TokenOutputs.joined(batches)
    score, ticks, bits, accuracy = Score(), [], [], []
    hits = outputs.hits.astype(np.float32)
    for part in np.array_split(np.arange(len(outputs)), min(_POINTS, len(outputs))):
        score.update(hits[part], outputs.surprise[part])
        ticks.append(int(outputs.tick[part[-1]]))
        bits.append(score.surprise)
        accuracy.append(score.accuracy)
    _, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(7, 4.5), layout="constrained")
    above.plot(ticks, bits)
    above.set(ylabel="bits a token", title=f"moving, over the last {HORIZON:,} tokens")
    below.plot(ticks, accuracy, color="tab:green")
    below.set(ylabel="accuracy", xlabel="tick", ylim=(0, 1))
    for each in (above, below):
        each.grid(alpha=0.3)
    return above, below
