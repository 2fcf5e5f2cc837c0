"""The picture of `benchmarks.tick`: ticks a second over neurons, both logarithmic."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

_COLOURS = {"in place": "#999999", "literal": "#c1121f", "manifesto": "#e9a03b", "surprise": "#2a6f97"}
_OTHERS = {"literal, NumPy": "#7b2cbf", "Brian2, STDP": "#386641", "BindsNET, STDP": "#6a994e"}


def draw(found: dict[str, dict[int, float]], path: Path) -> None:
    """Write an SVG of the seconds that a tick of each row takes at each size."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tick", "font.size": 9}):
        figure = Figure((9.2, 5.4), layout="constrained")
        axes = figure.subplots()
        for name, taken in found.items():
            colour = _OTHERS.get(name, _COLOURS.get(name.partition(",")[0], "#111111"))
            axes.loglog(
                list(taken),
                [1 / seconds for seconds in taken.values()],
                _dashes(name),
                color=colour,
                marker="o",
                markersize=3,
                linewidth=1.2,
                label=name,
            )
        axes.set_xscale("log", base=2)
        sizes = sorted({size for taken in found.values() for size in taken})
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.set_xlabel("neurons")
        axes.set_ylabel("ticks a second, learning at each")
        axes.grid(alpha=0.25)
        figure.legend(loc="outside right upper", frameon=False)
        figure.savefig(path, format="svg", metadata={"Date": None})


def _dashes(name: str) -> str:
    if name.startswith("in place") or "torch" in name:
        return ":" if name.startswith("in place") else "--"
    return "-." if "2 threads" in name else "-"
