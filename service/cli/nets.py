"""The commands `realnet nets …`, about the nets of one server."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.asking import AsJson, Yes, client_of, confirm, print_json
from service.cli.options import with_options
from service.cli.output import megabytes, moment, print_table, shown

if TYPE_CHECKING:
    from pydantic import BaseModel

    from realnet.client import NetEntry

nets = typer.Typer(
    no_args_is_help=True, help="List, create, change and delete the nets of a server; `realnet --net NAME` asks one."
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name, as `realnet nets list` has it.")]

_HEADS = ("net", "kind", "state", "tick", "MB", "created")


@nets.command("list")
def list_nets(
    context: typer.Context,
    prefix: Annotated[str | None, typer.Option(help="Only those whose names begin so.")] = None,
    json: AsJson = False,
) -> None:
    """List the nets that the key is for. Those that are cold are in the store, and wake when they are asked."""
    with client_of(context) as client:
        found = client.nets.list(prefix)
    if json:
        print_json(found)
    else:
        print_table([_row(each) for each in found], heads=_HEADS)


@nets.command()
def show(context: typer.Context, name: Name, json: AsJson = False) -> None:
    """Print what is known of a net, without waking it. `realnet --net NAME info` tells more."""
    with client_of(context) as client:
        print_entry(client.nets.get(name), json)


def _new_net() -> "list[type[BaseModel]]":
    raise NotImplementedError


def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="1 to 64 signs of a-z 0-9 . _ -")],
    given: dict[str, Any],
    json: AsJson = False,
) -> None:
    """Create a net beside those that the server has."""
    with client_of(context) as client:
        print_entry(client.nets.create(name, **given), json)


with_options(nets, _new_net, besides=["name"])(create)


@nets.command()
def delete(context: typer.Context, name: Name, yes: Yes = False) -> None:
    """Delete a net, with all that it has learnt and stored."""
    with client_of(context) as client:
        known = client.nets.get(name)
        lived = "" if known.tick is None else f", tick {known.tick:,},"
        confirm(f"delete the net {name}{lived} and all that it has learnt and stored?", yes)
        client.nets.delete(name)
    typer.echo(f"deleted {name}")


def print_entry(entry: "NetEntry", json: bool) -> None:
    if json:
        print_json(entry)
    else:
        print_table(_lines(entry))


def _row(entry: "NetEntry") -> tuple[str, ...]:
    size = "-" if entry.bytes is None else megabytes(entry.bytes)
    return entry.name, entry.kind, entry.state, shown(entry.tick), size, moment(entry.created)


def _lines(entry: "NetEntry") -> Iterator[tuple[str, str]]:
    yield from zip(_HEADS, _row(entry), strict=True)
    yield from ((name.replace("_", " "), shown(value)) for name, value in entry.settings.items() if value is not None)
