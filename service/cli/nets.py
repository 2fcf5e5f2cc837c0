"""The commands `realnet nets …`, about the nets of one server."""

from collections.abc import Iterator, Mapping
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
RateRequests = Annotated[
    float | None,
    typer.Option(min=0, help="Requests a second that it may be asked for, by all together; 0 is no limit."),
]
RateTicks = Annotated[
    float | None, typer.Option(min=0, help="Tokens, frames or rows a second that it takes, of all; 0 is no limit.")
]
SnapshotsKept = Annotated[
    int | None,
    typer.Option(min=0, help="Snapshots that stay of those that nobody asked to keep; 0: as the server has it."),
]

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
    rate_requests: RateRequests = None,
    rate_ticks: RateTicks = None,
    snapshots_kept: SnapshotsKept = None,
    json: AsJson = False,
) -> None:
    """Create a net beside those that the server has. It takes a key of scope admin that is for such a name."""
    own = {"vocabulary": vocabulary, "device": device, "lines": lines}
    given |= {key: value for key, value in own.items() if value is not None}
    if parent is not None:
        given["parent"] = snapshot_of(parent, "--parent")
    if limits := _limits(rate_requests, rate_ticks, snapshots_kept):
        given["limits"] = limits
    with client_of(context) as client:
        print_net(client.nets.create(name, kind, **given), json)


@nets.command()
def change(
    context: typer.Context,
    name: Name,
    tick_hz: Annotated[float | None, typer.Option(help="Ticks a second without input (0.001 to 1000).")] = None,
    self_loop: Annotated[bool | None, typer.Option(help="Whether it thinks on while nothing comes.")] = None,
    device: Annotated[str | None, typer.Option(help="What computes it when it is next woken.")] = None,
    rate_requests: RateRequests = None,
    rate_ticks: RateTicks = None,
    snapshots_kept: SnapshotsKept = None,
    json: AsJson = False,
) -> None:
    """Change a net for good; `realnet --net NAME set` does so until it is next woken."""
    limits = _limits(rate_requests, rate_ticks, snapshots_kept)
    if (tick_hz, self_loop, device, limits) == (None, None, None, {}):
        raise typer.BadParameter("one of them at least", param_hint="--tick-hz, --self-loop, --device or a limit")
    with client_of(context) as client:
        changed = client.nets.change(name, tick_hz=tick_hz, self_loop=self_loop, device=device, limits=limits or None)
        print_net(changed, json)


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


def _limits(rate_requests: float | None, rate_ticks: float | None, snapshots_kept: int | None) -> dict[str, Any]:
    """Return the limits that are given, as the server takes them: None for one that is taken away."""
    given = {"rate_requests": rate_requests, "rate_ticks": rate_ticks, "snapshots_kept": snapshots_kept}
    return {name: value or None for name, value in given.items() if value is not None}


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
    if (limits := entry.limits) is not None:
        bounds = {name: getattr(limits, name) for name in limits.__struct_fields__}
        yield from _known({name: value if value is None or value % 1 else int(value) for name, value in bounds.items()})
    yield from _known(entry.settings)


def _known(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return ((name.replace("_", " "), shown(value)) for name, value in values.items() if value is not None)
