"""Print values and tables; build the one kind of console that all commands use."""

import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console


def console(stderr: bool = False) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True, markup=False)


def print_table(rows: Iterable[Sequence[str]], heads: Sequence[str] = ()) -> None:
    """Print a line for each row, whole, whatever the width of the terminal: it may be read by a program."""
    from rich.cells import cell_len

    lines = [line for line in (heads, *rows) if line]
    widths = [max(cell_len(cell) for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def shown(value: object) -> str:
    """Return a value of an answer as a person reads it."""
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {shown(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "; ".join(shown(each) for each in value)
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def token_shown(token: int | None, vocabulary: str | None) -> str:
    """Return a token as a person reads it: a byte that is a sign as that sign, any other token by its number."""
    if token is None:
        return "-"
    is_sign = vocabulary == "bytes" and (32 <= token < 127 or token in b"\t\n\r")
    return repr(chr(token)) if is_sign else str(token)


def moment(when: datetime | None) -> str:
    """Return a time as a clock here shows it."""
    return "-" if when is None else when.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f}"


def printable(text: str) -> str:
    """Return `text` without control characters if it goes to a terminal: a young net says any byte."""
    if not sys.stdout.isatty():
        return text
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\N{REPLACEMENT CHARACTER}" for sign in text)


def write_whole(path: "Path", data: bytes) -> None:
    """Write a file whole or not at all: one that was there before stays until this one is written."""
    from realnet.client import RealNetError

    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise RealNetError(f"{path} cannot be written: {error.strerror}") from error
