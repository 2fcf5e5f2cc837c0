"""`.csv`: a header, then rows of numbers in [0, 1]; the request names the columns to read."""

import csv
import math
from collections import Counter
from collections.abc import Iterator

from service.datasets.items import Vectors, blocks
from service.datasets.readers.findings import Findings, Lines
from service.datasets.upload import Upload

_COLUMNS = 65_536


def read_csv(upload: Upload, widths: tuple[int, int], found: Findings) -> Iterator[Vectors]:
    """Read the named columns, as rows of float32. A column may be both an input and a target."""
    both = (("inputs", upload.inputs, widths[0]), ("targets", upload.targets, widths[1]))
    for name, columns, width in both:
        if len(columns) != width:
            found.add(f"{len(columns)} columns, and the net has {width}", f"/{name}")
    found.check()
    lines = Lines(upload.file, found)
    rows = _rows(lines, found)
    header = [name.strip() for name in next(rows, ())]
    if not 1 <= len(header) <= _COLUMNS:
        found.add(f"a header of {len(header)} columns, and 1 to {_COLUMNS:,} may be", "/file")
        found.check()
    count, place = Counter(header), {name: index for index, name in enumerate(header)}
    for name, columns, _ in both:
        for column in columns:
            if count[column] != 1:
                found.add(f"the header has {count[column]} columns of this name", f"/{name}", column=column)
    found.check()
    indices = [[place[column] for column in columns] for _, columns, _ in both]
    yield from blocks(_numbers(rows, header, indices, lines, found))


def _numbers(
    rows: Iterator[list[str]], header: list[str], indices: list[list[int]], lines: Lines, found: Findings
) -> Iterator[tuple[list[float], list[float]]]:
    meant = [index for side in indices for index in side]
    width = len(indices[0])
    for row in rows:
        if len(row) != len(header):
            detail = f"{len(row)} columns, and the header has {len(header)}" if row else "the line is empty"
            found.add(detail, line=lines.number)
            continue
        values = [_number(row[index]) for index in meant]
        if all(0.0 <= value <= 1.0 for value in values):
            yield values[:width], values[width:]
            continue
        for index, value in zip(meant, values, strict=True):
            if not 0.0 <= value <= 1.0:
                found.add("not a number in [0, 1]", line=lines.number, column=header[index])


def _rows(lines: Lines, found: Findings) -> Iterator[list[str]]:
    """Split lines into rows. A row in several lines has the line number of its last."""
    reader = csv.reader(_decoded(lines, found), strict=True)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            found.add(str(error), line=lines.number)


def _decoded(lines: Lines, found: Findings) -> Iterator[str]:
    for line in lines:
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            found.add(f"not UTF-8: byte {error.start} of the line, from 0", line=lines.number)


def _number(field: str) -> float:
    """Return the number in a field, NaN if there is none."""
    try:
        return float(field)
    except ValueError:
        return math.nan
