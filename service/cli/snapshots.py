"""The commands `realnet snapshot …`."""

from typing import Annotated

import typer

from service.cli.http import check_id, request
from service.cli.output import print_table, shown

snapshots = typer.Typer(help="Save, list and restore snapshots of the live net.")


@snapshots.command("save")
def save(
    context: typer.Context,
    name: Annotated[str | None, typer.Option(help="What to call it, in 80 signs at most.")] = None,
) -> None:
    """Save a snapshot of the live net now, to be kept until it is deleted."""
    saved = request(context.obj, "POST", "/v1/snapshots", seconds=120, body={"name": name})
    typer.echo(f"{saved['id']}: tick {saved['tick']:,}, {saved['bytes'] / 1e6:,.1f} MB")


@snapshots.command("list")
def list_snapshots(context: typer.Context) -> None:
    """List the snapshots, oldest first. Those that are not kept go when there are newer ones."""
    rows = [
        (
            one["id"],
            f"{one['tick']:,}",
            one["created_at"],
            f"{one['bytes'] / 1e6:,.1f}",
            shown(one["kept"]),
            one["name"] or "",
            one["job"] or "",
        )
        for one in request(context.obj, "GET", "/v1/snapshots")["data"]
    ]
    print_table(rows, heads=("id", "tick", "created", "MB", "kept", "name", "of job"))


@snapshots.command("restore")
def restore(context: typer.Context, id: Annotated[str, typer.Argument(help="As `snapshot list` has it.")]) -> None:
    """Put the live net back to a snapshot. What it learnt since then is lost, unless it was saved."""
    check_id(id, "realnet snapshot list")
    request(context.obj, "POST", f"/v1/snapshots/{id}/restore", seconds=120)
    typer.echo(f"restored {id}")
