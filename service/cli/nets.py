"""The commands `realnet nets …`, about the nets of one server."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from service.cli.asking import AsJson, Yes, checked_id, client_of, confirm, print_json
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
        print_net(client.nets.get(name), json)


def _new_net() -> "list[type[BaseModel]]":
    """Return a model of what may be chosen of a new net, as the settings have it for the server's own."""
    from pydantic import create_model

    from realnet.client.nets import NetOptions
    from service.settings import NetSettings

    fields = {name: field for name, field in NetSettings.model_fields.items() if name in NetOptions.__annotations__}
    chosen: dict[str, Any] = {name: (field.annotation, field) for name, field in fields.items()}
    return [create_model("NewNet", **chosen)]


@with_options(nets, _new_net, ["device", "vocabulary"])
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="1 to 64 signs of a-z 0-9 . _ -")],
    given: dict[str, Any],
    kind: Annotated[
        Literal["tokens", "frames", "streams"],
        typer.Option(help="What it lives through; one of streams only watches such, and is made without more options."),
    ] = "tokens",
    vocabulary: Annotated[
        str | None,
        typer.Option(help="bytes, or symbols:N for ids of 0 to N - 1 that are no text; if not given, bytes."),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="What computes it: cpu, cuda or cuda:N; if not given, cpu. Dendrites live on the CPU."),
    ] = None,
    parent: Annotated[
        str | None,
        typer.Option(metavar="NET@SNAPSHOT", help="What it is a child of: it knows what that knew, and is made as it."),
    ] = None,
    lines: Annotated[int | None, typer.Option(help="Lines of 64 bytes that a child has of its own.")] = None,
    json: AsJson = False,
) -> None:
    """Create a net beside those that the server has. It takes a key of scope admin that is for such a name."""
    own = {"vocabulary": vocabulary, "device": device, "lines": lines}
    given |= {key: value for key, value in own.items() if value is not None}
    if parent is not None:
        given["parent"] = snapshot_of(parent, "--parent")
    with client_of(context) as client:
        print_net(client.nets.create(name, kind, **given), json)


@nets.command()
def change(
    context: typer.Context,
    name: Name,
    tick_hz: Annotated[float | None, typer.Option(help="Ticks a second without input (0.001 to 1000).")] = None,
    self_loop: Annotated[bool | None, typer.Option(help="Whether it thinks on while nothing comes.")] = None,
    device: Annotated[str | None, typer.Option(help="What computes it when it is next woken.")] = None,
    json: AsJson = False,
) -> None:
    """Change a net for good; `realnet --net NAME set` does so until it is next woken."""
    if (tick_hz, self_loop, device) == (None, None, None):
        raise typer.BadParameter("one of them at least", param_hint="--tick-hz, --self-loop or --device")
    with client_of(context) as client:
        print_net(client.nets.change(name, tick_hz=tick_hz, self_loop=self_loop, device=device), json)


@nets.command()
def delete(context: typer.Context, name: Name, yes: Yes = False) -> None:
    """Delete a net, with all that it has learnt and stored."""
    with client_of(context) as client:
        known = client.nets.get(name)
        lived = "" if known.tick is None else f", tick {known.tick:,},"
        confirm(f"delete the net {name}{lived} and all that it has learnt and stored?", yes)
        client.nets.delete(name)
    typer.echo(f"deleted {name}")


def snapshot_of(given: str, place: str) -> tuple[str, str]:
    """Return the net and the snapshot of NET@SNAPSHOT. Raises BadParameter."""
    net, _, snapshot = given.partition("@")
    if not net or not snapshot:
        raise typer.BadParameter("a net and its snapshot, as default@00000001", param_hint=place)
    return net, checked_id(snapshot)


def print_net(entry: "NetEntry", json: bool) -> None:
    if json:
        print_json(entry)
    else:
        print_table(_lines(entry))


def _row(entry: "NetEntry") -> tuple[str, ...]:
    size = "-" if entry.bytes is None else megabytes(entry.bytes)
    return entry.name, shown(entry.kind), entry.state, shown(entry.tick), size, moment(entry.created)


def _lines(entry: "NetEntry") -> Iterator[tuple[str, str]]:
    yield from zip(_HEADS, _row(entry), strict=True)
    if entry.why is not None:
        yield "why", entry.why
    if (parent := entry.parent) is not None:
        yield "parent", f"{parent.net}@{parent.snapshot}"
        yield "own lines", shown(parent.lines)
    if entry.consent is not None:
        yield "may be merged", shown(entry.consent.merge)
    yield from ((name.replace("_", " "), shown(value)) for name, value in entry.settings.items() if value is not None)
