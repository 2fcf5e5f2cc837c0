"""The command `realnet watch`, which needs no server, and may use one."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from service.cli.asking import checked_name, checked_url
from service.cli.output import console

if TYPE_CHECKING:
    from realnet.client import Server
    from realnet.client.streams import StreamKind

watching = typer.Typer()

_VALUES = "Values"  # the options of `--metric`
_SERVER = "A server"


@watching.command("watch")
def watch_streams(
    context: typer.Context,
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Files, also packed by gzip, or - for standard input.")
    ],
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is written to the files, until Ctrl-C.")
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(help="The file to go on from, and in which what was learnt is kept at the end and every minute."),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--replay", metavar="PICTURE", help="Read FILE to its end, and draw it: a .png or an .svg."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            help="A server that tells of the rows and learns them, in place of this process.", rich_help_panel=_SERVER
        ),
    ] = None,
    net: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which net there; if not given, default.", rich_help_panel=_SERVER),
    ] = None,
    stream: Annotated[
        str | None,
        typer.Option(
            help="The stream's name there; if not given, this machine's name and FILE.", rich_help_panel=_SERVER
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print an object of JSON for each event.")] = False,
    exit_on_event: Annotated[bool, typer.Option("--exit-on-event", help="End with 3 at the first event.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also print what spoke for each event, in bits, and what was expected.")
    ] = False,
    budget: Annotated[float | None, typer.Option(help="Alarms in 1,000 rows that are wanted at most.")] = None,
    eager: Annotated[bool, typer.Option("--eager", help="Tell of more.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Tell of less.")] = False,
    metric: Annotated[
        bool, typer.Option("--metric", help="Rows are values: a CSV, or a number a line.", rich_help_panel=_VALUES)
    ] = False,
    events: Annotated[
        bool, typer.Option("--events", help="Rows are events: an object of JSON a line.", rich_help_panel=_VALUES)
    ] = False,
    column: Annotated[
        str | None,
        typer.Option(
            help="The column of the value, or several as cpu,memory; if not given, the first of numbers.",
            rich_help_panel=_VALUES,
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            help="The column or field of the time; if not given, the first that is one.", rich_help_panel=_VALUES
        ),
    ] = None,
    direction: Annotated[
        Literal["up", "down", "both"] | None,
        typer.Option(help="What is news: only a rise, only a fall, or both.", rich_help_panel=_VALUES),
    ] = None,
    min_change: Annotated[
        float | None,
        typer.Option(help="The least change that is news; if not given, 5% of what is usual.", rich_help_panel=_VALUES),
    ] = None,
    missing: Annotated[
        Literal["refuse", "skip", "previous", "zero"] | None,
        typer.Option(help="What to do with a row without a value.", rich_help_panel=_VALUES),
    ] = None,
) -> None:
    """Watch log lines, values or events of JSON, learn from them what is usual, and print only what is news.

    It takes no server: each file has a detector in this process, or with --url a stream in a server. What is said of a
    row is said before it is learnt.
    """
    from service.cli.watching.run import watch
    from service.cli.watching.telling import Teller
    from service.cli.watching.watched import Asked

    of_values = {"direction": direction, "min_change": min_change, "missing": missing}
    if metric and events:
        raise typer.BadParameter("it is one or the other", param_hint="--metric, --events")
    for name, value in ({"column": column, "time": None if events else time} | of_values).items():
        if value is not None and not metric:
            raise typer.BadParameter("it is of values: --metric", param_hint=f"--{name.replace('_', '-')}")
    kind: StreamKind = (
        "events" if events else "lines" if not metric else "several" if "," in (column or "") else "values"
    )
    if picture is not None and kind in ("several", "events"):
        raise typer.BadParameter("it is of lines, or of one value", param_hint="--replay")
    if picture is not None and (follow or len(files) > 1):
        raise typer.BadParameter("it is of one FILE, without --follow", param_hint="--replay")
    if eager + quiet + (budget is not None) > 1:
        raise typer.BadParameter("it is one or the other", param_hint="--eager, --quiet, --budget")
    sensitivity = "eager" if eager else "quiet" if quiet else None
    options: dict[str, Any] = {"budget": budget, "sensitivity": sensitivity, **of_values}
    given = {name: value for name, value in options.items() if value is not None}
    asked = Asked(
        tuple(_checked(files, follow)),
        follow,
        kind,
        column,
        time,
        given,
        state,
        exit_on_event,
        server=_server(context, url, net, stream, files),
        stream=stream,
        picture=picture,
    )
    status = asyncio.run(watch(asked, Teller(len(files) > 1, json, explain), console(stderr=True)))
    if status:
        raise typer.Exit(status)


def _checked(files: list[str], follow: bool) -> list[str]:
    for name in files:
        if files.count(name) > 1:
            raise typer.BadParameter(f"{name} is given twice", param_hint="FILE")
        if follow and (name == "-" or name.endswith(".gz")):
            why = "standard input is followed anyway" if name == "-" else f"{name} is packed, and does not grow"
            raise typer.BadParameter(why, param_hint="--follow")
    return files


def _server(
    context: typer.Context, url: str | None, net: str | None, stream: str | None, files: list[str]
) -> "Server | None":
    """Return the server that was named here or before the command; in a variable it is meant for other commands."""
    server: Server = context.obj
    if url is not None:
        server = replace(context.obj, url=checked_url(url))
    elif not _is_said(context.parent, "url"):
        for name, value in (("--stream", stream), ("--net", net)):
            if value is not None:
                raise typer.BadParameter("it is of a server: --url", param_hint=name)
        return None
    if net is not None:
        server = replace(server, net=checked_name(net))
    if stream is not None and len(files) > 1:
        raise typer.BadParameter("each FILE is a stream of its own", param_hint="--stream")
    if stream is None and "-" in files:
        raise typer.BadParameter("standard input has no name: give one", param_hint="--stream")
    return server


def _is_said(context: Any, option: str) -> bool:
    """Return whether an option stands on the command line itself."""
    source = None if context is None else context.get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"
