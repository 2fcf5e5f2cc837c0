"""The file in which a watch is kept between two runs: what its detectors have learnt, and how far files were read."""

from pathlib import Path
from typing import Self

import msgspec
import typer

from realnet.client.streams import StreamKind
from service.cli.output import write_whole
from service.cli.watching.columns import Layout

_HINT = "--state"
_NAMES: dict[StreamKind, str] = {
    "lines": "lines",
    "values": "values",
    "several": "several columns",
    "events": "JSON events",
}


class Kept(msgspec.Struct):
    """One stream: its file up to a position, in whole lines, the columns of its rows, and the bytes of a checkpoint.

    `head` is what the file began with, by which it is known again. Of a `stream` of a server the checkpoint is empty,
    and up to the position `sent` lines may have been sent, together: as such they are sent again, in the same `run`
    through the file.
    """

    position: int
    number: int
    head: bytes
    layout: Layout | None
    checkpoint: bytes
    stream: str | None = None
    sent: int = 0
    run: str = ""


class State(msgspec.Struct, tag="realnet watch 1"):
    """All streams of a watch, by the path of their files."""

    kind: StreamKind
    streams: dict[str, Kept] = {}

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all. Raises RealNetError."""
        write_whole(path, msgspec.msgpack.encode(self))

    @classmethod
    def load(cls, path: Path, kind: StreamKind) -> Self:
        """Return the state of a file, or a new one where there is none. Raises BadParameter for any other, OSError."""
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            if not path.parent.is_dir():
                raise typer.BadParameter(f"there is no folder {path.parent}", param_hint=_HINT) from None
            return cls(kind)
        try:
            state = msgspec.msgpack.decode(data, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise typer.BadParameter(f"{path} is no state of `realnet watch`: {error}", param_hint=_HINT) from error
        if state.kind != kind:
            raise typer.BadParameter(f"{path} is of {_NAMES[state.kind]}, not of {_NAMES[kind]}", param_hint=_HINT)
        return state
