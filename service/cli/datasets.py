"""The commands `realnet dataset …`, and the options of every command that sends a file."""

from pathlib import Path
from typing import Annotated

import typer

from service.cli.asking import AsJson, Id, client_of, print_json
from service.cli.output import console, megabytes, moment, print_table, shown
from service.datasets.upload import Format

datasets = typer.Typer(no_args_is_help=True, help="Send, list, look into and delete the data sets of a server.")

File = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A .txt, .jsonl, .csv or .npz; the same file again is the same data set."),
]
Name = Annotated[str | None, typer.Option(help="Name of the data set; if not given, the file's.")]
FileFormat = Annotated[Format | None, typer.Option(help="Format of the file; if not given, the end of its name.")]
Columns = Annotated[str | None, typer.Option(help="Names of columns of a .csv, with commas between.")]

_PREVIEW = 200  # signs


@datasets.command()
def add(
    context: typer.Context,
    file: File,
    name: Name = None,
    format: FileFormat = None,
    inputs: Columns = None,
    targets: Columns = None,
) -> None:
    """Send FILE and print its id. `realnet dream` and `realnet fit` do that themselves."""
    with client_of(context) as client, console(stderr=True).status(f"sending {file.name}"):
        sent = client.datasets.upload(file, name=name, format=format, inputs=inputs, targets=targets)
    typer.echo(sent.id)


@datasets.command("list")
def list_datasets(context: typer.Context, json: AsJson = False) -> None:
    """List the data sets that are kept, oldest first."""
    with client_of(context) as client:
        kept = client.datasets.list()
    if json:
        print_json(kept)
        return
    rows = [(each.id, each.name, each.kind, f"{each.items:,}", megabytes(each.bytes)) for each in kept]
    print_table(rows, heads=("id", "name", "kind", "items", "MB"))


@datasets.command()
def show(context: typer.Context, id: Id, json: AsJson = False) -> None:
    """Print what a data set is, and the beginning of its first items."""
    with client_of(context) as client:
        one = client.datasets.get(id)
    if json:
        print_json(one)
        return
    fields = ("name", "format", "kind", "items", "tokens", "inputs", "outputs", "bytes", "sha256")
    rows = [(name, shown(getattr(one, name))) for name in fields]
    print_table([*rows, ("created", moment(one.created_at))])
    for item in one.preview or ():
        parts = (item.text, item.input, item.target)
        line = "  ->  ".join(repr(part) if isinstance(part, str) else shown(part) for part in parts if part is not None)
        typer.echo(line[:_PREVIEW] + ("…" if len(line) > _PREVIEW else ""))


@datasets.command()
def delete(context: typer.Context, id: Id) -> None:
    """Delete a data set, unless a job uses it."""
    with client_of(context) as client:
        client.datasets.delete(id)
    typer.echo(f"deleted {id}")


datasets.command("remove", hidden=True)(delete)  # what it was called before
