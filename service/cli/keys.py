"""The commands `realnet key …`. They change the file of keys alone; a server that uses it follows within a second."""

from pathlib import Path
from typing import Annotated, Literal

import typer

keys = typer.Typer(no_args_is_help=True, help="Create, list and revoke the keys of a server (its REALNET_KEYS_FILE).")

_File = Annotated[
    Path, typer.Option("--file", envvar="REALNET_KEYS_FILE", show_envvar=True, help="The file that they are in.")
]
_Name = Annotated[str, typer.Argument(metavar="NAME", help="Whose it is: it stands in the log.")]


@keys.command("create")
def create(
    name: _Name,
    scope: Annotated[
        Literal["read", "teach", "admin", "merge"],
        typer.Option(
            help="What it allows: each also what those before it do; but merge, for other servers, only that."
        ),
    ] = "teach",
    nets: Annotated[
        str,
        typer.Option(
            metavar="NAMES", help="The nets that it is for, as 'customer-*,logs': * is any signs. An admin makes such."
        ),
    ] = "*",
    rate_requests: Annotated[
        float | None, typer.Option(min=0, help="Requests a second, not those of the settings; 0 is no limit.")
    ] = None,
    rate_ticks: Annotated[
        float | None, typer.Option(min=0, help="Tokens or frames a second, likewise; 0 is no limit.")
    ] = None,
    max_nets: Annotated[
        int | None, typer.Option(min=0, help="So many of those nets an admin may have at once.")
    ] = None,
    max_bytes: Annotated[
        str | None,
        typer.Option(metavar="BYTES", help="Of memory, that those nets may take together: 500MB, 2GiB or a number."),
    ] = None,
    file: _File = Path("realnet.keys"),
) -> None:
    """Print a new key. It is shown this once: the file keeps only its hash."""
    from realnet.client import RealNetError
    from service.auth.keys import KeysError, Scope, create_key
    from service.auth.share import Share, bytes_of, patterns_of

    try:
        most = None if max_bytes is None else bytes_of(max_bytes)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--max-bytes") from None
    try:
        share = Share(patterns_of(nets), rate_requests, rate_ticks, max_nets, most)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--nets") from None
    try:
        typer.echo(create_key(file, name, Scope[scope.upper()], share))
    except KeysError as error:
        raise RealNetError(str(error)) from None


@keys.command("list")
def list_keys(file: _File = Path("realnet.keys")) -> None:
    """List names and scopes, and what is a key's own."""
    from realnet.client import RealNetError
    from service.auth.keys import KeysError, read_keys

    try:
        for key in read_keys(file):
            typer.echo("  ".join(word for word in (key.name, key.scope.word, key.share.words) if word))
    except KeysError as error:
        raise RealNetError(str(error)) from None


@keys.command("revoke")
def revoke(name: _Name, file: _File = Path("realnet.keys")) -> None:
    """Take a key away; what is open with it is closed."""
    from realnet.client import RealNetError
    from service.auth.keys import KeysError, revoke_key

    try:
        revoke_key(file, name)
    except KeysError as error:
        raise RealNetError(str(error)) from None
    typer.echo(f"revoked {name}")
