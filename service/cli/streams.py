"""The commands `realnet streams …`, about streams that the server watches, and `realnet events`."""

import math
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.cli.asking import AsJson, Yes, client_of, confirm, print_json
from service.cli.output import moment, print_table, shown

if TYPE_CHECKING:
    from realnet.client import Client, StreamEvent
    from service.cli.watching.telling import Teller

streams = typer.Typer(no_args_is_help=True, help="List, look into, teach and forget the streams that a server watches.")
events = typer.Typer()

_PAGE = 1000  # events, the most that are told at once
_LOOK_SECONDS = 0.5

Name = Annotated[str, typer.Argument(metavar="STREAM", help="Its name, as `realnet streams list` has it.")]


@streams.command("list")
def list_streams(context: typer.Context, json: AsJson = False) -> None:
    """List the streams: how many rows have come, the alarms among them, and when the last row was."""
    with client_of(context) as client:
        kept = client.streams.list()
    if json:
        print_json(kept)
        return
    rows = [
        (
            *map(shown, (each.name, each.kind, each.rows, each.alarms, each.alarms_in_1000)),
            "learns what is usual" if each.remaining else moment(each.last_row_at),
        )
        for each in kept
    ]
    print_table(rows, heads=("stream", "kind", "rows", "alarms", "in 1,000", "last row"))


@streams.command()
def show(context: typer.Context, stream: Name, json: AsJson = False) -> None:
    """Print what is known of a stream."""
    with client_of(context) as client:
        state = client.streams.get(stream)
    if json:
        print_json(state)
        return
    last = state.last_event
    fields = {
        "kind": state.kind,
        "rows": state.rows,
        "rows until it tells": state.remaining,
        "alarms": state.alarms,
        "alarms in 1,000": state.alarms_in_1000,
        "score of the last row": state.score,
        "last row": moment(state.last_row_at),
        "last event": None if last is None else f"#{last.number} {last.state}",
        "options": state.options,
        "maintenance": [f"{moment(each.begin)} to {moment(each.end)}" for each in state.maintenance] or None,
    }
    print_table((name, shown(value)) for name, value in fields.items())


@streams.command()
def feedback(
    context: typer.Context,
    stream: Name,
    event: Annotated[int, typer.Argument(metavar="EVENT", min=1, help="Its number, the one behind #.")],
    verdict: Annotated[Literal["normal", "anomaly"], typer.Argument(metavar="normal|anomaly")],
) -> None:
    """Say of an event that such rows are normal, and no news from now on; or that they are not to be learnt."""
    with client_of(context) as client:
        client.streams.feedback(stream, event, verdict)
    typer.echo(f"{stream}: #{event} is {'normal' if verdict == 'normal' else 'an anomaly'}")


@streams.command()
def delete(context: typer.Context, stream: Name, yes: Yes = False) -> None:
    """Forget a stream: the next rows of this name begin a new one. Its events stay."""
    with client_of(context) as client:
        rows = client.streams.get(stream).rows
        confirm(f"Forget {stream}, and what was learnt from {rows:,} rows?", yes)
        client.streams.delete(stream)
    typer.echo(f"deleted {stream}")


@events.command("events")
def print_events(
    context: typer.Context,
    stream: Annotated[str | None, typer.Option(help="Only those of this stream.")] = None,
    last: Annotated[int, typer.Option(min=0, help="How many to print, the newest; without --after.")] = 20,
    after: Annotated[
        int | None, typer.Option(min=0, help="Print all behind the one with this id, which --json tells.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    json: AsJson = False,
) -> None:
    """Print the news of all streams that the server watches, as `realnet watch` does: when, where, what, and why."""
    from service.cli.watching.telling import Teller

    teller = None if json else Teller(names=stream is None, as_json=False, explain=False)
    with client_of(context) as client:
        pages = _pages(client, after or 0, stream, follow)
        newest: deque[StreamEvent] = deque(maxlen=last if after is None else None)
        for page in pages:
            newest.extend(page)
            if len(page) < _PAGE:  # it is the last for now
                _print(newest, teller)
                newest = deque()


def _pages(client: "Client", after: int, stream: str | None, follow: bool) -> "Iterator[list[StreamEvent]]":
    """Yield the events behind one as they come, over restarts of the server.

    Behind a page that is not full there is no event yet.
    """
    from realnet.client import Unreachable

    is_first = True
    while True:
        try:
            page = client.events(after, stream, _PAGE).data
        except Unreachable:
            if is_first or not follow:
                raise
            page = []
        is_first = False
        if page:
            after = page[-1].id
        yield page
        if len(page) < _PAGE:
            if not follow:
                return
            time.sleep(_LOOK_SECONDS)


def _print(found: "deque[StreamEvent]", teller: "Teller | None") -> None:
    from realnet.streams.told import Event, Told
    from service.cli.watching.served import each_of

    for each in found:
        if teller is None:
            print_json(each)
            continue
        at = (each.at or each.received_at).timestamp()
        event = Event(each.number, each.state)
        expected = each.expected, each.low, each.high, event, each_of(each)
        told = Told(each.row, at, True, each.score, each.bits, each.why, *expected)
        came = (each.text, each.values, each.fields, each.value)
        what = next((one for one in came if one is not None), math.nan)
        teller.tell(f"{each.stream} (muted)" if each.muted else each.stream, each.row, what, told, event)
