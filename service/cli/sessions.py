"""The commands `realnet sessions …`, about short-term memories of their own over the one net."""

from typing import Annotated

import typer

from service.cli.asking import AsJson, client_of, print_json
from service.cli.output import print_table, shown

sessions = typer.Typer(no_args_is_help=True, help="List and forget sessions: what the net has in mind of each.")


@sessions.command("list")
def list_sessions(context: typer.Context, json: AsJson = False) -> None:
    """List the sessions, the one that was given something last first."""
    with client_of(context) as client:
        found = client.sessions.list()
    if json:
        print_json(found)
    else:
        rows = [(each.name, shown(each.tokens), shown(each.last_tick)) for each in found]
        print_table(rows, heads=("session", "tokens", "last tick"))


@sessions.command("forget")
def forget(context: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME", help="The session.")]) -> None:
    """Forget what a session has in mind; what was learnt in it stays."""
    with client_of(context) as client:
        client.sessions.forget(name)
    typer.echo(f"{name} is forgotten")
