"""What every command that asks a server has in common: the client, ids, the names of places, and answers as JSON."""

import sys
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

if TYPE_CHECKING:
    from realnet.client import Client, Server

DEFAULT_URL = "http://127.0.0.1:8420"  # the client's, which takes longer to load than all else
_PATIENCE_SECONDS = 60.0  # for which a server that restarts is waited for
_ARGUMENTS = {
    "prompt": "PROMPT",
    "file": "FILE",
    "text": "/text",
    "context": "CONTEXT",
    "url": "URL",
    "key": "--peer-key",
}
_ID_DIGITS = 8  # of jobs and snapshots


def checked_id(id: str) -> str:
    """Return an id in full, 00000007 for 7. Raises BadParameter for what cannot be one: it becomes a part of a path."""
    if not (id.isascii() and id.isalnum()):
        raise typer.BadParameter("an id has letters and digits only", param_hint="ID")
    return id.zfill(_ID_DIGITS) if id.isdecimal() else id


Id = Annotated[
    str,
    typer.Argument(metavar="ID", callback=checked_id, help="As the command `list` beside this one has it."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON, with the names that the API has.")]
InSession = Annotated[
    str | None,
    typer.Option("--session", metavar="NAME", help="A session: its own short-term memory, in place of the net's."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def checked_url(url: str) -> str:
    """Return the URL of a server without a slash at its end. Raises BadParameter for what cannot be one."""
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port or an address that is none
        is_url = False
    if not is_url:
        raise typer.BadParameter(f"a server's URL looks like {DEFAULT_URL}", param_hint="--url")
    return url.rstrip("/")


def checked_name(name: str) -> str:
    """Return the name of a net. Raises BadParameter for what cannot be one."""
    from realnet.client import RealNetError
    from realnet.client.server import checked_net

    try:
        return checked_net(name)
    except RealNetError as error:
        raise typer.BadParameter(str(error), param_hint="--net") from None


def client_of(context: typer.Context) -> "Client":
    """Return a client of the server that the command was given; use it in a `with`."""
    from realnet.client import Client

    server: Server = context.obj
    return Client(server.url, server.key, net=server.net, patience=_PATIENCE_SECONDS)


def print_json(answer: Any) -> None:
    """Print what a client returns as one line of JSON."""
    import msgspec

    typer.echo(msgspec.json.encode(answer))


def confirm(question: str, yes: bool) -> None:
    """Ask on a terminal, and abort if the answer is no; elsewhere `--yes` has to have been said."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to ask on: say it, if you mean it", param_hint="--yes")
    typer.confirm(question, abort=True, err=True)


def place_of(pointer: str) -> str:
    """Return the flag or argument for a JSON pointer into the body of a request: `--max-tokens` for `/max_tokens`."""
    name = pointer.removeprefix("/")
    if name.startswith("contexts/"):
        return "--context"
    if name.startswith("peers/"):
        return "URL"
    if name.startswith("children"):
        return "CHILD"
    if not name or "/" in name:
        return pointer
    return _ARGUMENTS.get(name, f"--{name.replace('_', '-')}")
