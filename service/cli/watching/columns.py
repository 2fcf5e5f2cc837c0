"""Read a row of values: of one or several columns of a CSV, or one number on each line."""

import csv
import math
from collections.abc import Callable

import msgspec
import typer

from service.cli.watching.judges import Row
from service.cli.watching.times import time_of

_DELIMITERS = ",;\t"
_TIME_NAMES = ("time", "date", "at", "ts", "epoch")  # in the name of a column whose numbers are seconds since 1970
_MISSING = frozenset({"", "nan", "null", "none", "na", "n/a", "-"})


class Layout(msgspec.Struct):
    """How the rows of a file look: `values` and `time` are the places of these columns, once they are chosen."""

    delimiter: str
    header: list[str] | None
    width: int
    values: list[int]
    time: int | None
    is_chosen: bool = False


class Columns:
    """Reads the value, or several by name, and the time of each row. What it chooses itself it says once.

    `layout` is what it found.

    Args:
        column, time: the names of the columns, or their places from 1; None lets the first rows tell. With a comma
            `column` names several.
        missing: whether a cell may be empty, and is NaN then.
        say: is told what was chosen.
    """

    def __init__(self, column: str | None, time: str | None, missing: bool, say: Callable[[str], None]) -> None:
        self._columns, self._time, self._missing, self._say = column.split(",") if column else [], time, missing, say
        self.layout: Layout | None = None
        self._begins = True  # a file

    def resume(self, layout: Layout) -> None:
        """Go on with what was found before. Raises BadParameter if that is not what the columns were named."""
        values, time = self._named(_names(layout.header, layout.width))
        if not layout.is_chosen:
            layout.values, layout.time = values, time
        elif values not in ([], layout.values) or time not in (None, layout.time):
            raise typer.BadParameter("in the state they are others", param_hint="--column, --time")
        self.layout, self._begins = layout, False

    def begin(self) -> None:
        """Go on with another file, which may have a header of its own, or none."""
        self._begins = True

    def read(self, line: str) -> Row | None:
        """Return a row's time, and its value or values; None if it has none. Raises ValueError if it cannot be read.

        Raises BadParameter where there is no such column.
        """
        line = line.removeprefix("\ufeff")
        if not line.strip():
            return None
        if self._begins:
            self._begins = False
            self._look_at_first(line)
        assert self.layout is not None
        layout = self.layout
        cells = _cells(line, layout.delimiter)
        if cells == layout.header:
            return None
        if len(cells) != layout.width:
            raise ValueError(f"{len(cells)} columns, not {layout.width}")
        if not layout.is_chosen:
            self._choose(layout, cells)
        at = None if layout.time is None else time_of(cells[layout.time])
        if len(self._columns) < 2:
            return at, self._number(cells[layout.values[0]])
        names, numbers = _names(layout.header, layout.width), [self._number(cells[place]) for place in layout.values]
        several = {names[place]: each for place, each in zip(layout.values, numbers, strict=True)}
        return at, {name: None if math.isnan(each) else each for name, each in several.items()}

    def _look_at_first(self, line: str) -> None:
        """Find the layout by the first line of a file. Of a file after another it stays if that is no other header."""
        delimiter = _delimiter(line)
        cells = _cells(line, delimiter)
        is_row = any(_is_number(cell) or _is_time(cell, "time") for cell in cells)
        header = None if is_row and not {*self._columns, self._time} & {*cells} else cells
        if self.layout is None or header not in (None, self.layout.header):
            self.layout = Layout(delimiter, header, len(cells), *self._named(_names(header, len(cells))))

    def _named(self, names: list[str]) -> tuple[list[int], int | None]:
        """Return the places of the columns of values and time, as far as they were named. Raises BadParameter."""
        values = [_place(names, "--column", name) for name in self._columns]
        if len({*values}) < len(values):
            raise typer.BadParameter("a column is named twice", param_hint="--column")
        return values, None if self._time is None else _place(names, "--time", self._time)

    def _choose(self, layout: Layout, cells: list[str]) -> None:
        """Choose by a row the columns that were not named. Raises ValueError if none of its cells is a number."""
        names = _names(layout.header, layout.width)
        time = layout.time
        if time is None and layout.width > 1:
            of_time = (at for at in range(layout.width) if at not in layout.values and _is_time(cells[at], names[at]))
            time = next(of_time, None)
        values = layout.values
        if not values:
            values = [at for at, cell in enumerate(cells) if at != time and _is_number(cell)][:1]
        if not values:
            raise ValueError(f"no number: {cells[0][:40]!r}" if layout.width == 1 else "no number in any column")
        if layout.width > 1 and not (layout.values and self._time):
            of = "no column is a time" if time is None else f"the time is column {names[time]}"
            what = "the value is column" if len(values) == 1 else "the values are columns"
            listed = ", ".join(names[each] for each in values)
            self._say(f"{what} {listed}, {of} (--column and --time name others)")
        layout.values, layout.time, layout.is_chosen = values, time, True

    def _number(self, cell: str) -> float:
        if cell.strip().lower() in _MISSING:
            if self._missing:
                return math.nan
            raise ValueError("no value: --missing says what to do with such rows")
        if not _is_number(cell):
            raise ValueError(f"no number: {cell[:40]!r}")
        return float(cell)


def _delimiter(line: str) -> str:
    """Return the one there is most of; a space only where all between is a number or a time."""
    delimiter = max(_DELIMITERS, key=line.count)
    parts = [] if delimiter in line else line.split()
    return " " if len(parts) > 1 and all(_is_number(part) or _is_time(part, "time") for part in parts) else delimiter


def _cells(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    try:
        [cells] = csv.reader([line], delimiter=delimiter, skipinitialspace=True)
    except (csv.Error, ValueError) as error:
        raise ValueError("no row of a CSV") from error
    return [cell.strip() for cell in cells]


def _names(header: list[str] | None, width: int) -> list[str]:
    return header or [str(place + 1) for place in range(width)]


def _place(names: list[str], flag: str, name: str) -> int:
    """Return where a column stands that is given by its name or its place. Raises BadParameter."""
    if name in names:
        return names.index(name)
    if name.isdecimal() and 1 <= int(name) <= len(names):
        return int(name) - 1
    raise typer.BadParameter(f"no column {name}: there are {', '.join(names)}", param_hint=flag)


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _is_time(cell: str, name: str) -> bool:
    if _is_number(cell) and not (name.isdecimal() or any(each in name.lower() for each in _TIME_NAMES)):
        return False
    try:
        time_of(cell)
    except ValueError:
        return False
    return True
