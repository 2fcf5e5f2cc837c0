"""The commands `realnet compress` and `realnet decompress`, which need no server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.output import console, write_whole

if TYPE_CHECKING:
    from realnet import DendriteLearner
    from realnet.dendrites.wiring import Variant

compression = typer.Typer()

_File = Annotated[Path, typer.Argument(metavar="FILE", help="Any file.")]
_Out = Annotated[Path, typer.Option("--output", "-o", help="The file to write.")]
_Net = Annotated[
    Path | None,
    typer.Option(help="A snapshot of a net of dendrites; if not given, a newborn net."),
]
_Force = Annotated[bool, typer.Option("--force", help="Write over the output if it exists.")]


@compression.command()
def compress(
    file: _File,
    output: _Out,
    net: _Net = None,
    variant: Annotated[str, typer.Option(help="Of a newborn net: fast, standard or large.")] = "standard",
    force: _Force = False,
) -> None:
    """Compress FILE by what a net expects, which learns it on the way."""
    from realnet.client import RealNetError
    from realnet.dendrites.compression import compress as code
    from realnet.dendrites.wiring import VARIANTS

    if variant not in VARIANTS:
        raise typer.BadParameter(f"one of {', '.join(VARIANTS)}", param_hint="--variant")
    newborn: Variant = variant
    data = _read(file)
    learner = newborn if net is None else _learner(net)
    try:
        with _progress("compressing", len(data)) as done:
            coded = code(data, learner, done)
    except ValueError as error:
        raise RealNetError(f"{net}: {error}") from error
    _write(output, coded, force)
    share = f", {8 * len(coded) / len(data):.3f} bits a byte" if data else ""
    typer.echo(f"{len(data):,} bytes became {len(coded):,}{share}")


@compression.command()
def decompress(file: _File, output: _Out, net: _Net = None, force: _Force = False) -> None:
    """Decompress a FILE that `realnet compress` made, with the same net."""
    from realnet.client import RealNetError
    from realnet.dendrites.compression import decompress as decode
    from realnet.dendrites.compression import length_of

    coded = _read(file)
    try:
        with _progress("decompressing", length_of(coded)) as done:
            data = decode(coded, None if net is None else _learner(net), done)
    except ValueError as error:
        raise RealNetError(f"{file}: {error}") from error
    _write(output, data, force)
    typer.echo(f"{len(coded):,} bytes became {len(data):,}")


def _read(file: Path) -> bytes:
    from realnet.client import RealNetError

    try:
        return file.read_bytes()
    except OSError as error:
        raise RealNetError(f"{file} cannot be read: {error.strerror}") from error


def _learner(file: Path) -> "DendriteLearner":
    from realnet import Checkpoint, DendriteLearner
    from realnet.client import RealNetError

    try:
        return DendriteLearner.from_checkpoint(Checkpoint.from_bytes(_read(file)))
    except ValueError as error:
        raise RealNetError(f"{file}: {error}") from error


@contextmanager
def _progress(what: str, size: int) -> Iterator[Callable[[int], None]]:
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns, terminal = (
        ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn()),
        console(stderr=True),
    )
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as bar:
        task = bar.add_task(what, total=size)
        yield lambda done: bar.update(task, completed=done)


def _write(output: Path, data: bytes, force: bool) -> None:
    from realnet.client import RealNetError

    if output.exists() and not force:
        raise RealNetError(f"{output} exists: --force writes over it")
    write_whole(output, data)
