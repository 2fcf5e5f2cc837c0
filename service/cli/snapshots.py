"""The commands `realnet snapshot …`."""

from pathlib import Path
from typing import Annotated

import typer

from service.cli.asking import AsJson, Id, Yes, client_of, confirm, print_json
from service.cli.output import megabytes, moment, print_table, shown

snapshots = typer.Typer(
    no_args_is_help=True, help="Save, list, keep, download, upload, restore and delete snapshots of the live net."
)


_Name = Annotated[str | None, typer.Option(help="What to call it, in 80 signs at most.")]


@snapshots.command()
def save(context: typer.Context, name: _Name = None) -> None:
    """Save a snapshot of the live net now, to be kept until it is deleted."""
    with client_of(context) as client:
        saved = client.snapshots.save(name)
    typer.echo(f"{saved.id}: tick {saved.tick:,}, {megabytes(saved.bytes)} MB")


@snapshots.command("list")
def list_snapshots(context: typer.Context, json: AsJson = False) -> None:
    """List the snapshots, oldest first. Those that are not kept go when there are newer ones."""
    with client_of(context) as client:
        kept = client.snapshots.list()
    if json:
        print_json(kept)
        return
    rows = [
        (
            each.id,
            f"{each.tick:,}",
            moment(each.created_at),
            megabytes(each.bytes),
            shown(each.kept),
            each.name or "",
            f"job {each.job}" if (each.job or "").isdecimal() else each.job or "",
        )
        for each in kept
    ]
    print_table(rows, heads=("id", "tick", "created", "MB", "kept", "name", "from"))


@snapshots.command()
def pin(
    context: typer.Context,
    id: Id,
    off: Annotated[bool, typer.Option("--off", help="Keep it no longer: it goes when there are newer ones.")] = False,
) -> None:
    """Keep a snapshot until it is deleted."""
    with client_of(context) as client:
        client.snapshots.change(id, kept=not off)
    typer.echo(f"{id} is kept {'no longer' if off else 'until it is deleted'}")


@snapshots.command()
def rename(
    context: typer.Context,
    id: Id,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its new name; '' takes the name away.")],
) -> None:
    """Give a snapshot another name."""
    with client_of(context) as client:
        named = client.snapshots.change(id, name=name or None)
    typer.echo(f"{id} is called {named.name}" if named.name else f"{id} has no name")


@snapshots.command()
def download(
    context: typer.Context,
    id: Id,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="If not given, one of its name in this folder.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over FILE if it exists.")] = False,
    size: Annotated[
        int | None, typer.Option(help="Bytes for the lines of a smaller net, for a small device; 262144 and more.")
    ] = None,
    lean: Annotated[
        bool, typer.Option("--lean", help="A smaller net: without output maps, and with gains in half precision.")
    ] = False,
) -> None:
    """Write a snapshot to FILE, which the library opens, and `snapshot upload` takes back."""
    from realnet.client import RealNetError

    with client_of(context) as client:
        known = client.snapshots.get(id)
        small = "-small" if lean or size is not None else ""
        path = file or Path(f"realnet-{known.id}-tick-{known.tick}{small}.safetensors")
        if path.exists() and not force:
            raise RealNetError(f"{path} exists: --force writes over it")
        client.snapshots.download(id, path, size=size, weights="lean" if lean else None)
    typer.echo(f"{path}: {megabytes(path.stat().st_size)} MB")


@snapshots.command()
def upload(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="As `snapshot download` wrote it, here or elsewhere.")],
    name: _Name = None,
) -> None:
    """Send FILE to the server and keep it there as a snapshot. The net stays as it is until that is restored."""
    with client_of(context) as client:
        sent = client.snapshots.upload(file, name)
    typer.echo(f"{sent.id}: tick {sent.tick:,}, {megabytes(sent.bytes)} MB")


@snapshots.command()
def restore(
    context: typer.Context,
    id: Id,
    yes: Yes = False,
    no_save: Annotated[bool, typer.Option("--no-save", help="Do not save the net as it is now first.")] = False,
) -> None:
    """Put the live net back to a snapshot. First the net is saved as it is, so that nothing is lost."""
    with client_of(context) as client:
        known, live = client.snapshots.get(id), client.net()
        back = f"from tick {live.tick:,} to tick {known.tick:,}{f' ({known.name})' if known.name else ''}"
        confirm(f"put the net back {back}?", yes)
        if not no_save:
            saved = client.snapshots.save(f"before {id} was restored")
            typer.echo(f"saved {saved.id}, as the net was")
        client.snapshots.restore(id)
    typer.echo(f"restored {id}")


@snapshots.command()
def delete(context: typer.Context, id: Id, yes: Yes = False) -> None:
    """Delete a snapshot."""
    with client_of(context) as client:
        known = client.snapshots.get(id)
        confirm(f"delete snapshot {id}{f' ({known.name})' if known.name else ''}, tick {known.tick:,}?", yes)
        client.snapshots.delete(id)
    typer.echo(f"deleted {id}")
