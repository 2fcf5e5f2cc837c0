"""The command `realnet outputs`: what the net makes of everybody's input."""

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from service.cli.asking import AsJson, client_of, print_json
from service.cli.output import shown, token_shown

if TYPE_CHECKING:
    from realnet.client import Client, Output, OutputsPage

outputs = typer.Typer()

_Level: TypeAlias = Literal["surprise", "best", "full"]

_PAGE = 4096  # outputs, the most that are told at once
_LOOK_SECONDS = 0.2
_LOST_SECONDS = 60.0  # for which a server that has gone is waited for


@outputs.command("outputs")
def print_outputs(
    context: typer.Context,
    after: Annotated[
        int | None,
        typer.Option(min=0, help="The tick to begin after; if not given, the oldest kept, or with --follow now."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=_PAGE, help="How many to print, without --follow.")] = 1000,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    level: Annotated[
        _Level | None,
        typer.Option(
            "--outputs",
            help="What is computed of each token from now on; if not given, what is, or with --follow best.",
        ),
    ] = None,
    session: Annotated[str | None, typer.Option(metavar="NAME", help="Only those of this session.")] = None,
    json: AsJson = False,
) -> None:
    """Print what the net made of each tick: of each token, how probable it was before it was learnt. One on a line."""
    with client_of(context) as client:
        vocabulary = client.net().vocabulary
        if follow:
            pages = _followed(client, after, level or "best", session)
        else:
            pages = iter([client.outputs(after or 0, limit, level, session)])
        for page in pages:
            for output in page.outputs:
                if json:
                    print_json(output)
                else:
                    typer.echo(_line(output, vocabulary))


def _followed(client: "Client", after: int | None, level: _Level, session: str | None) -> Iterator["OutputsPage"]:
    """Yield the outputs after a tick, None for now, as they come; over restarts of the server."""
    from realnet.client import Unreachable

    cursor = client.outputs(outputs="none").cursor if after is None else after
    heard_at = time.monotonic()
    while True:
        try:
            page = client.outputs(cursor, _PAGE, level, session)
        except Unreachable:
            if time.monotonic() - heard_at > _LOST_SECONDS:
                raise
            time.sleep(_LOOK_SECONDS)
            continue
        heard_at = time.monotonic()
        if (
            page.outputs
            and page.oldest is not None
            and page.oldest > cursor + 1
            and page.outputs[0].tick == page.oldest
        ):
            print(f"ticks {cursor + 1:,} to {page.oldest - 1:,} are no longer kept", file=sys.stderr)
        yield page
        cursor = page.cursor
        if len(page.outputs) < _PAGE:
            time.sleep(_LOOK_SECONDS)


def _line(output: "Output", vocabulary: str | None) -> str:
    if output.values is not None:
        return f"{output.tick:>10}  {' '.join(f'{value:.3f}' for value in output.values)}"
    line = f"{output.tick:>10}  {token_shown(output.token, vocabulary):<6}"
    if output.surprise is not None:
        line += f"  {output.surprise:6.2f} bits"
    if output.predicted is not None:
        line += f"  {token_shown(output.predicted, vocabulary):<6} was expected"
    if output.next is not None:
        expected = (f"{token_shown(each.token, vocabulary)} {shown(each.probability)}" for each in output.next)
        line += f"  next {', '.join(expected)}"
    return line
