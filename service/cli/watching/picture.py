"""Draw a stream that was watched: its values with what was expected of them, or its lines by how new they are.

It needs matplotlib.
"""

import heapq
import io
import math
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import typer

from realnet.client import RealNetError
from realnet.streams.told import ALARM
from service.cli.output import moment, write_whole
from service.cli.watching.seen import Column, Mark, Seen
from service.cli.watching.times import local_zone

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ENDINGS = (".png", ".svg")
_NAMED = 8  # events, the loudest
_SIGNS = 110  # of a text that are shown
_DAY = 86_400.0
_MARKS = {"worse": ("tab:orange", 4), "open": ("tab:red", 7)}


def check(path: Path) -> None:
    """Raises BadParameter or RealNetError where no picture could be drawn in the end."""
    if path.suffix.lower() not in _ENDINGS:
        raise typer.BadParameter(f"{path.name} ends neither in .png nor in .svg", param_hint="--replay")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {path.parent}", param_hint="--replay")
    try:
        import matplotlib.figure  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        why = "a picture needs matplotlib, which is not installed here: pip install 'realnet-live[plot]'"
        raise RealNetError(why) from None


def draw(seen: Seen, name: str, is_metric: bool, path: Path) -> None:
    """Write the picture of a stream, a PNG or an SVG by the end of the file's name. Raises RealNetError."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6.5), layout="constrained", dpi=150)
    above, below = figure.subplots(2, 1, height_ratios=(3, 1), sharex=is_metric)
    drawn = _Drawn(seen, is_metric and seen.has_times)
    if is_metric:
        drawn.values(above)
        drawn.scores(below)
        drawn.marks(above, [mark.what for mark in seen.marks])
    else:
        drawn.scores(above)
        drawn.marks(above, [mark.score for mark in seen.marks])
        _name_loudest(below, seen)
    drawn.axis(below if is_metric else above)
    for axes in (above, below):
        axes.grid(alpha=0.3)
    title = f"{name}: {seen.rows:,} rows, {seen.events:,} events"
    if seen.each > 1:
        title += f"; of each {seen.each} rows {'the lowest to the highest' if is_metric else 'the highest score'}"
    figure.suptitle(title, parse_math=False)
    _write(figure, path)


class _Drawn:
    """A stream over its times, or over the numbers of its lines."""

    def __init__(self, seen: Seen, by_time: bool) -> None:
        self._seen, self._by_time = seen, by_time
        self._x = np.array([self._place(column) for column in seen.columns])

    def values(self, axes: "Axes") -> None:
        """Draw the values, and between which no value would have been news."""
        names = ("low", "expected", "high", "least", "most")
        low, expected, high, least, most = (
            np.array([getattr(each, name) for each in self._seen.columns]) for name in names
        )
        if np.isfinite(least).any():
            bottom, top = np.nanmin(least), np.nanmax(most)
            margin = 0.08 * (top - bottom) or 0.08 * abs(top) or 1.0
            axes.set_ylim(bottom - margin, top + margin)
        bottom, top = axes.get_ylim()
        known = np.isfinite(expected)  # of rows without a value nothing is
        low, high = np.where(np.isnan(low), bottom, low), np.where(np.isnan(high), top, high)  # only a rise is news
        axes.fill_between(
            self._x[known], low[known], high[known], color="tab:blue", alpha=0.2, linewidth=0, label="no news"
        )
        axes.plot(self._x[known], expected[known], color="tab:blue", linewidth=0.8, label="expected")
        axes.fill_between(self._x, least, most, color="0.2", linewidth=0)
        axes.plot(self._x, most, color="0.2", linewidth=0.8, marker=".", markersize=1.5, label="value")
        axes.set_ylabel("value")

    def scores(self, axes: "Axes") -> None:
        axes.vlines(self._x, 0, [column.score for column in self._seen.columns], color="0.4", linewidth=0.8)
        axes.axhline(ALARM, color="tab:red", linewidth=0.8, linestyle="--")
        axes.set(ylabel="score", ylim=(0, 1.05))

    def marks(self, axes: "Axes", heights: "list[float | str]") -> None:
        """Mark each event at its height, and the loudest with their numbers."""
        seen = self._seen
        places = [(self._place(mark), float(height)) for mark, height in zip(seen.marks, heights, strict=True)]
        for state, (colour, size) in _MARKS.items():
            marked = [place for mark, place in zip(seen.marks, places, strict=True) if mark.state == state]
            if marked:
                x, y = zip(*marked, strict=True)
                axes.plot(x, y, "v", color=colour, markersize=size, label=state)
        loudest = _loudest(seen)
        for mark, place in zip(seen.marks, places, strict=True):
            if mark in loudest and math.isfinite(place[1]):
                axes.annotate(f"#{mark.number}", place, (3, 5), textcoords="offset points", fontsize=8)
        if seen.columns:
            begin, end = seen.columns[0], seen.ready or seen.columns[-1]
            axes.axvspan(self._place(begin), self._place(end), color="0.5", alpha=0.12, label="nothing is told yet")
        axes.legend(loc="upper left", fontsize=8, ncols=3)

    def axis(self, axes: "Axes") -> None:
        if not self._by_time:
            axes.set_xlabel("line")
            axes.xaxis.set_major_formatter(lambda line, _: f"{line:,.0f}")
            return
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        zone = ZoneInfo(local_zone())
        locator = AutoDateLocator(tz=zone)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))  # type: ignore[no-untyped-call]
        axes.set_xlabel(f"time ({zone.key})")

    def _place(self, of: Column | Mark) -> float:
        return of.at / _DAY if self._by_time else of.line


def _name_loudest(axes: "Axes", seen: Seen) -> None:
    axes.axis("off")
    lines = []
    for mark in sorted(_loudest(seen), key=lambda mark: mark.line):
        text = " ".join(str(mark.what).split())
        text = text if len(text) <= _SIGNS else f"{text[:_SIGNS]}…"
        when = "" if math.isnan(mark.at) else moment(datetime.fromtimestamp(mark.at, UTC))
        lines.append(f"{f'#{mark.number}':<6}{mark.score:.2f}  line {mark.line:<9,} {when:<19}  {text}")
    axes.text(
        0, 1, "\n".join(lines), va="top", family="monospace", fontsize=7.5, transform=axes.transAxes, parse_math=False
    )


def _loudest(seen: Seen) -> list[Mark]:
    return heapq.nlargest(_NAMED, seen.marks, key=lambda mark: mark.score)


def _write(figure: "Figure", path: Path) -> None:
    from matplotlib import rc_context

    image = io.BytesIO()
    with warnings.catch_warnings(), rc_context({"svg.fonttype": "none"}):  # texts that can be found and copied
        warnings.simplefilter("ignore")  # of a sign that no font here has
        figure.savefig(image, format=path.suffix.lower()[1:])
    write_whole(path, image.getvalue())
