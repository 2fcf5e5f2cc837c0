"""The commands `realnet dataset …`, and the options of every command that sends a file."""

from pathlib import Path
from typing import Annotated

import typer

from service.cli.http import check_id, request
from service.cli.output import console, print_table
from service.datasets.upload import Format

datasets = typer.Typer(help="Send, list and remove the data sets of a server.")

File = Annotated[Path, typer.Argument(help="A .txt, .jsonl, .csv or .npz; the same file again is the same data set.")]
Name = Annotated[str | None, typer.Option(help="Name of the data set; if not given, the file's.")]
FileFormat = Annotated[Format | None, typer.Option(help="Format of the file; if not given, the end of its name.")]
Columns = Annotated[str | None, typer.Option(help="Names of columns of a .csv, with commas between.")]


@datasets.command("add")
def add(
    context: typer.Context,
    file: File,
    name: Name = None,
    format: FileFormat = None,
    inputs: Columns = None,
    targets: Columns = None,
) -> None:
    """Send FILE and print its id. `realnet dream` and `realnet fit` do that themselves."""
    from service.cli.follow import Followed

    with Followed(context.obj, console(stderr=True)) as followed:
        typer.echo(followed.upload(file, name=name, format=format, inputs=inputs, targets=targets))


@datasets.command("list")
def list_datasets(context: typer.Context) -> None:
    """List the data sets that are kept, oldest first."""
    kept = request(context.obj, "GET", "/v1/datasets?limit=1000")["data"]
    rows = [(one["id"], one["name"], one["kind"], f"{one['items']:,}", f"{one['bytes'] / 1e6:,.1f}") for one in kept]
    print_table(rows, heads=("id", "name", "kind", "items", "MB"))


@datasets.command("remove")
def remove(context: typer.Context, id: Annotated[str, typer.Argument(help="As `dataset list` has it.")]) -> None:
    """Remove a data set, unless a job uses it."""
    check_id(id, "realnet dataset list")
    request(context.obj, "DELETE", f"/v1/datasets/{id}", seconds=120)
    typer.echo(f"removed {id}")
