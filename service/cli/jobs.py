"""The commands `realnet dream`, `realnet fit` and `realnet sleep`: each sends a job and follows it to its end."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import typer

from service.cli.datasets import Columns, File, FileFormat, Name
from service.cli.options import refusal_of, with_options
from service.cli.output import console, shown

if TYPE_CHECKING:
    from pydantic import BaseModel

    from realnet.client import Server

jobs = typer.Typer()

_BESIDES = ["dataset"]  # which the file becomes
_Kind: TypeAlias = Literal["dream", "fit", "sleep"]


def _request(kind: _Kind) -> "type[BaseModel]":
    from service.jobs.requests import DreamRequest, FitRequest, SleepRequest

    requests: dict[str, type[BaseModel]] = {"dream": DreamRequest, "fit": FitRequest, "sleep": SleepRequest}
    return requests[kind]


@with_options(jobs, lambda: [_request("dream")], _BESIDES)
def dream(
    context: typer.Context,
    given: dict[str, Any],
    file: File,
    name: Name = None,
    format: FileFormat = None,
    inputs: Columns = None,
    targets: Columns = None,
) -> None:
    """Have the live net dream FILE: it lives through it, what it should say forced on its outputs."""
    _do("dream", context.obj, given, file, name=name, format=format, inputs=inputs, targets=targets)


@with_options(jobs, lambda: [_request("fit")], _BESIDES)
def fit(
    context: typer.Context,
    given: dict[str, Any],
    file: File,
    name: Name = None,
    format: FileFormat = None,
    inputs: Columns = None,
    targets: Columns = None,
) -> None:
    """Fit a fork of the live net to FILE by backpropagation, beside it, and bring the synapses home."""
    _do("fit", context.obj, given, file, name=name, format=format, inputs=inputs, targets=targets)


@with_options(jobs, lambda: [_request("sleep")])
def sleep(context: typer.Context, given: dict[str, Any]) -> None:
    """Have the live net sleep: it lives again through its past, or, of dendrites, searches for better contexts."""
    _do("sleep", context.obj, given)


def _do(kind: _Kind, server: "Server", given: dict[str, Any], file: Path | None = None, **of_file: str | None) -> None:
    """Send the file with the form's fields `of_file`, if there is one, then run the job and print its result."""
    from service.cli.follow import Followed

    _check(kind, given if file is None else {"dataset": "-"} | given)
    with Followed(server, console(stderr=True)) as followed:
        if file is not None:
            given = {"dataset": followed.upload(file, **of_file)} | given
        result = followed.run(kind, given)
    if result is None:
        raise typer.Exit(130)
    for name, value in result.items():
        typer.echo(f"{name.replace('_', ' '):<22}{shown(value)}")


def _check(kind: _Kind, request: dict[str, Any]) -> None:
    """Raise what is wrong with the options, before a file is sent for them."""
    from pydantic import ValidationError

    try:
        _request(kind).model_validate(request)
    except ValidationError as error:
        raise refusal_of(error, request) from None
