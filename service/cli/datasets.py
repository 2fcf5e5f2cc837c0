"""What `realnet dataset` does."""

from pathlib import Path
from typing import Annotated

import typer

from service.cli.http import request

datasets = typer.Typer(help="Send, list and remove the data sets of a server.")

_Columns = Annotated[str | None, typer.Option(help="Names of columns of a .csv, with commas between.")]


@datasets.command("add")
def add(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A .txt, .jsonl, .csv or .npz; the same again is the same data set.")],
    name: Annotated[str | None, typer.Option(help="Else that of the file.")] = None,
    inputs: _Columns = None,
    targets: _Columns = None,
) -> None:
    """Send FILE and print its id. `realnet dream` and `realnet fit` do that themselves."""
    from rich.console import Console

    from service.cli.follow import Followed

    fields = {"name": name, "inputs": inputs, "targets": targets}
    with Followed(context.obj, Console(stderr=True, highlight=False)) as followed:
        typer.echo(followed.upload(file, {name: value for name, value in fields.items() if value is not None}))


@datasets.command("list")
def list_datasets(context: typer.Context) -> None:
    """List the data sets that are kept, oldest first."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("id", "name", "kind", "items", "MB", box=None, pad_edge=False)
    for one in request(context.obj, "GET", "/v1/datasets?limit=1000")["data"]:
        table.add_row(one["id"], escape(one["name"]), one["kind"], f"{one['items']:,}", f"{one['bytes'] / 1e6:,.1f}")
    Console(highlight=False, soft_wrap=True).print(table)


@datasets.command("remove")
def remove(context: typer.Context, id: Annotated[str, typer.Argument(help="As `dataset list` has it.")]) -> None:
    """Remove a data set, unless a job uses it."""
    if not id.isalnum():  # it becomes a part of a path
        raise typer.BadParameter("an id is as `realnet dataset list` has it", param_hint="ID")
    request(context.obj, "DELETE", f"/v1/datasets/{id}", seconds=120)
    typer.echo(f"removed {id}")
