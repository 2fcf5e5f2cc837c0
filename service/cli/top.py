"""The command `realnet top`: how the net lives, in a terminal."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.asking import client_of
from service.cli.output import console, megabytes, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from realnet.client import Client, JobState, Life, Net, Snapshot

top = typer.Typer()

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 36  # of the lines that show a life, which fit a terminal of 80 columns
_JOBS = 5
_LOST_SECONDS = 60.0  # for which a server that has gone is waited for


@top.command("top")
def show_top(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Print it once, as where there is no terminal.")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 1.0,
) -> None:
    """Show how the net lives, until Ctrl-C: speed, accuracy and surprise, queue, memory, listeners, jobs."""
    from rich.live import Live

    from realnet.client import Unreachable

    terminal = console()
    with client_of(context) as client:
        if once or not terminal.is_terminal:
            terminal.print(_picture(client))
            return
        seen_at = time.monotonic()
        with Live(_picture(client), console=terminal, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(every)
                try:
                    live.update(_picture(client), refresh=True)
                    seen_at = time.monotonic()
                except Unreachable:  # it restarts
                    if time.monotonic() - seen_at > _LOST_SECONDS:
                        raise


def _picture(client: "Client") -> "RenderableType":
    """Return all that is shown, as it is now."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    net = client.net()
    life = client.watch.history()
    fields = Table.grid(padding=(0, 2))
    for name, value in _fields(net, life):
        fields.add_row(Text(name, "dim"), value)
    jobs = [job.state for job in client.jobs.list()][-_JOBS:]
    snapshots = client.snapshots.list()
    head = Text(f"{net.name} at {client.server.url}: {net.mode}", "bold")
    return Group(head, "", fields, *_jobs_shown(jobs), *_snapshot_shown(snapshots))


def _fields(net: "Net", life: "Life") -> "Iterator[tuple[str, str]]":
    yield "ticks a second", f"{net.ticks_per_second:,.0f}"
    if net.vocabulary is not None:
        yield "tokens seen", f"{net.tokens_seen:,}"
        yield "surprise, bits", f"{shown(net.surprise):<8} {_line_of(life.surprise)}"
        yield "accuracy", f"{shown(net.accuracy):<8} {_line_of(life.accuracy)}"
    yield "tick", f"{net.tick:,}"
    yield "queue", f"{net.queue_depth:,} of {net.queue_capacity:,} ticks"
    yield "listeners", f"{net.listeners:,}"
    yield "memory", "-" if net.memory_bytes is None else f"{megabytes(net.memory_bytes)} MB"
    yield "learning rate", shown(net.learning_rate) if net.plasticity else f"{shown(net.learning_rate)}, and it is off"


def _line_of(values: "Sequence[float]") -> str:
    """Return a life in one line of blocks, from its first point to its last; the highest is the highest of them."""
    if not values:
        return ""
    at = [values[index * len(values) // _WIDTH] for index in range(_WIDTH)] if len(values) > _WIDTH else list(values)
    least, most = min(at), max(at)
    share = [(value - least) / (most - least) if most > least else 0.0 for value in at]
    return "".join(_BARS[round(each * (len(_BARS) - 1))] for each in share) + f"  {shown(least)} to {shown(most)}"


def _jobs_shown(jobs: "list[JobState]") -> "Iterator[str]":
    if jobs:
        yield ""
    for job in jobs:
        doing = job.metrics.get("phase", job.status) if job.status == "running" else job.status
        yield f"job {job.id}  {job.kind:<6} {job.progress:4.0%}  {doing}"


def _snapshot_shown(snapshots: "list[Snapshot]") -> "Iterator[str]":
    if snapshots:
        last = snapshots[-1]
        name = f", {last.name}" if last.name else ""
        yield f"\n{len(snapshots)} snapshots, the last {last.id}{name}, of tick {last.tick:,}"
