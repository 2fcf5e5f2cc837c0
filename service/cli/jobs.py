"""What `realnet dream`, `realnet fit` and `realnet sleep` do: send the file, begin the job, show how it gets on."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.http import shown

if TYPE_CHECKING:
    from service.client import Server

_File = Annotated[Path, typer.Argument(help="A .txt, .jsonl, .csv or .npz; the same file again is the same data set.")]
_Columns = Annotated[str | None, typer.Option(help="Names of columns of a .csv, with commas between.")]
_Seed = Annotated[int | None, typer.Option(min=0, help="The same seed does the same.")]


class Given(StrEnum):
    PULSE = "pulse"
    HELD = "held"


class Commit(StrEnum):
    REPLACE = "replace"
    REBASE = "rebase"
    NONE = "none"


class Loss(StrEnum):
    MSE = "mse"
    CROSS_ENTROPY = "cross_entropy"


def dream(
    context: typer.Context,
    file: _File,
    epochs: Annotated[int | None, typer.Option(min=1, help="How often it goes through all of it (1).")] = None,
    share: Annotated[float | None, typer.Option(help="Of the ticks, while clients stream (0.5).")] = None,
    validation: Annotated[float | None, typer.Option(help="Share held out, only asked (0).")] = None,
    ticks_per_item: Annotated[int | None, typer.Option(help="Of a net of frames (2).")] = None,
    input: Annotated[
        Given | None, typer.Option(help="Of frames: at the first tick of an item, or at all (pulse).")
    ] = None,
    seed: _Seed = None,
    inputs: _Columns = None,
    targets: _Columns = None,
) -> None:
    """Have the live net dream FILE: it lives through it, what it should say forced on its outputs."""
    request = {
        "epochs": epochs,
        "share": share,
        "validation": validation,
        "ticks_per_item": ticks_per_item,
        "input": input and input.value,
        "seed": seed,
    }
    _do("dream", context.obj, request, file, inputs, targets)


def fit(
    context: typer.Context,
    file: _File,
    commit: Annotated[
        Commit | None,
        typer.Option(help="Take the net's place, or come to it as changes (the default), or only be a snapshot."),
    ] = None,
    force: Annotated[bool | None, typer.Option("--force", help="Commit it even if the loss is worse.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="How often it goes through all of it.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Tokens or rows of one gradient.")] = None,
    thinking_steps: Annotated[int | None, typer.Option(min=2, help="Ticks for a row, of a net of frames (2).")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Of the optimizer.")] = None,
    gradient_decay: Annotated[float | None, typer.Option(help="Share of gradients that stay as ghosts (0).")] = None,
    accumulation: Annotated[int | None, typer.Option(min=1, help="Batches of one update (1).")] = None,
    pruning_threshold: Annotated[float | None, typer.Option(help="Weaker synapses die (0: none).")] = None,
    loss: Annotated[Loss | None, typer.Option(help="What is made small.")] = None,
    validation: Annotated[float | None, typer.Option(help="Share held out (0.1).")] = None,
    patience: Annotated[int | None, typer.Option(min=1, help="Epochs without a better loss, then it ends.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N, of the server.")] = None,
    seed: _Seed = None,
    inputs: _Columns = None,
    targets: _Columns = None,
) -> None:
    """Fit a fork of the live net to FILE by backpropagation, beside it, and bring the synapses home."""
    request = {
        "commit": commit and commit.value,
        "force": force,
        "epochs": epochs,
        "batch_size": batch_size,
        "thinking_steps": thinking_steps,
        "learning_rate": learning_rate,
        "gradient_decay": gradient_decay,
        "accumulation": accumulation,
        "pruning_threshold": pruning_threshold,
        "loss": loss and loss.value,
        "validation": validation,
        "patience": patience,
        "device": device,
        "seed": seed,
    }
    _do("fit", context.obj, request, file, inputs, targets)


def sleep(
    context: typer.Context,
    ticks: Annotated[int | None, typer.Option(min=1, help="Four for each lived since it slept, if not given.")] = None,
    rate: Annotated[float | None, typer.Option(help="Times the learning rate (0.25).")] = None,
    seed: _Seed = None,
) -> None:
    """Have the live net sleep: it lives again through random pieces of what it lived through."""
    _do("sleep", context.obj, {"ticks": ticks, "rate": rate, "seed": seed})


def _do(
    kind: str,
    server: "Server",
    request: dict[str, Any],
    file: Path | None = None,
    inputs: str | None = None,
    targets: str | None = None,
) -> None:
    from rich.console import Console

    from service.cli.follow import Followed

    console = Console(stderr=True, highlight=False)
    given = {name: value for name, value in request.items() if value is not None}
    with Followed(server, console) as followed:
        if file is not None:
            columns = {name: value for name, value in (("inputs", inputs), ("targets", targets)) if value is not None}
            given["dataset"] = followed.upload(file, columns)
        result = followed.run(kind, given)
    if result is None:
        raise typer.Exit(130)
    for name, value in result.items():
        typer.echo(f"{name.replace('_', ' '):<22}{shown(value)}")
