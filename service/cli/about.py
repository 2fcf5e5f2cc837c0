"""The command `realnet self`: what the net can say of itself, in words and numbers."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.asking import AsJson, checked_id, client_of, print_json
from service.cli.output import moment, print_table, printable

if TYPE_CHECKING:
    from realnet.client import About
    from realnet.client.about import Changed, Remembered, Sure, Surprising

about = typer.Typer()

_SURPRISES = 5
_BEFORE = 40  # signs


@about.command("self")
def say(
    context: typer.Context,
    since: Annotated[str | None, typer.Option(metavar="SNAPSHOT", help="Also tell what has changed since it.")] = None,
    remember: Annotated[bool, typer.Option("--remember", help="Also tell what it still makes of its past.")] = False,
    json: AsJson = False,
) -> None:
    """Tell what the net is, what it has lived, how sure it may be, what it knows and what surprised it most."""
    with client_of(context) as client:
        told = client.about(None if since is None else checked_id(since), remember)
    if json:
        print_json(told)
        return
    for line in _lines(told):
        typer.echo(line)
    if told.knows:
        rows = [
            (
                _name(each.label),
                f"{each.tokens:,}",
                f"{each.recent_bits:.3f}",
                f"{each.bits:.3f}",
                f"{each.accuracy:.0%}",
            )
            for each in told.knows
        ]
        print_table(rows, heads=("what it knows, best first", "tokens", "bits of late", "bits", "accuracy"))
    if told.kinds:
        kinds = [(each.kind, f"{each.tokens:,}", f"{each.bits:.3f}", f"{each.accuracy:.0%}") for each in told.kinds]
        print_table(kinds, heads=("bytes", "tokens", "bits", "accuracy"))
    if told.sure is not None and told.sure.reliability:
        said = [(f"{each.said:.0%}", f"{each.true:.0%}", f"{each.tokens:,}") for each in told.sure.reliability]
        print_table(said, heads=("it said", "came true", "times"))
    for each in told.surprised[:_SURPRISES]:
        typer.echo(_surprise(each))


def _lines(told: "About") -> Iterator[str]:
    size = f"{len(told.contexts)} contexts, {told.lines:,} lines" if told.contexts and told.lines else ""
    born = "" if told.born_at is None else f", born {moment(told.born_at)}"
    yield f"{told.name} is a net of the preset {told.preset}: {size or f'{told.neurons:,} neurons'}{born}"
    if told.vocabulary is None:
        yield f"it is at tick {told.tick:,}"
        return
    unit = "bytes" if told.vocabulary == "bytes" else "tokens"
    yield f"it has lived {told.lived.tokens:,} {unit}, and of {told.lived.known:,} it knows from whom"
    if told.sure is not None and told.sure.ece is not None:
        yield _certainty(told.sure)
    if told.remembers is not None:
        yield _memory(told.remembers, unit)
    if told.changed is not None:
        yield from _changes(told.changed, unit)


def _certainty(sure: "Sure") -> str:
    of = f"of {sure.tokens:,} looks, at every 16th token"
    return f"what it says is off what comes true by {100 * (sure.ece or 0):.1f} points in the mean, {of}"


def _memory(remembers: "Remembered", unit: str) -> str:
    older, newer = remembers.older, remembers.newer
    return (
        f"without learning it predicts {older.tokens:,} {unit} of the older half of what is kept in {older.bits:.3f} "
        f"bits each, and {newer.tokens:,} of the newer half in {newer.bits:.3f}"
    )


def _changes(changed: "Changed", unit: str) -> Iterator[str]:
    yield f"since snapshot {changed.snapshot} of {moment(changed.created_at)} it has lived {changed.tokens:,} {unit}"
    if changed.bits_before is not None and changed.bits_since is not None:
        yield f"until then it took {changed.bits_before:.3f} bits each in the mean, since then {changed.bits_since:.3f}"
    for each in changed.labels:
        then = "nothing" if each.then is None else f"{each.then:.3f} bits"
        yield f"of {_name(each.label)} came {each.tokens:,} {unit}: then {then}, now {each.now:.3f} bits each of late"
    if changed.still is not None:
        still = changed.still
        yield (
            f"of what it had lived until then it predicts {still.tokens:,} {unit} without learning in {still.now:.3f} "
            f"bits each, then {still.then:.3f}"
        )


def _surprise(each: "Surprising") -> str:
    shown = f"{each.before[-_BEFORE:]}[{each.token}]".replace("\n", "↵")
    return printable(f"tick {each.tick:,} surprised it by {each.bits:.1f} bits: {shown}")


def _name(label: str | None) -> str:
    return "no label" if label is None else label
