"""The command `realnet stream`."""

import asyncio
from typing import Annotated, Literal

import typer

from service.cli.asking import InSession
from service.cli.output import console

streaming = typer.Typer()


@streaming.command()
def stream(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A text file, or - for standard input.")],
    start: Annotated[int, typer.Option("--from", min=0, help="The byte of FILE to begin with.")] = 0,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is written to FILE, until Ctrl-C.")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, max=16384, help="Bytes in one message, at most.")] = 512,
    label: Annotated[
        str | None, typer.Option(help="Whom or what it is from, as `realnet self` tells (64 signs at most).")
    ] = None,
    session: InSession = None,
    outputs: Annotated[
        Literal["none", "surprise", "best", "full"],
        typer.Option(help="What the server computes and tells of each token: best has the accuracy, less is faster."),
    ] = "best",
) -> None:
    """Stream a text to the server, which learns from every token of it; show how well it predicts it.

    A restart of the server is waited for, and nothing is learnt twice.
    """
    from service.cli.stream import Asked, stream_text

    if follow and file == "-":
        raise typer.BadParameter("standard input is followed anyway", param_hint="--follow")
    asked = Asked(file, start, follow, batch, outputs, label, session)
    if not asyncio.run(stream_text(context.obj, asked, console(stderr=True))):
        raise typer.Exit(130)
