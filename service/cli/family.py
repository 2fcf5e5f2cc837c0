"""The commands `realnet nets rebase`, `merge` and `consent`, about nets with a parent."""

from typing import Annotated

import typer

from service.cli.asking import AsJson, client_of
from service.cli.begin import follow_to_its_end
from service.cli.nets import Name, print_net, snapshot_of

family = typer.Typer()

_Parent = Annotated[str, typer.Argument(metavar="NET@SNAPSHOT", help="The parent, as default@00000002.")]
_NAMES = "Their names, in which * is any signs."


@family.command()
def rebase(
    context: typer.Context,
    parent: _Parent,
    children: Annotated[
        list[str] | None, typer.Argument(metavar="[CHILD]...", help=f"{_NAMES} If none is given: all.")
    ] = None,
    of: Annotated[
        str | None,
        typer.Option(metavar="NET[@SNAPSHOT]", help="What they are children of now; if not given, any of that net."),
    ] = None,
) -> None:
    """Put children over another snapshot: what each has learnt itself stays its own. Prints which could not, and why.

    Ctrl-C leaves those as they are that have not gone over yet.
    """
    net, snapshot = snapshot_of(parent, "NET@SNAPSHOT")
    now = None
    if of is not None:
        now = snapshot_of(of, "--of") if "@" in of else (of, None)
    with client_of(context) as client:
        follow_to_its_end(client.nets.rebase(net, snapshot, children or ["*"], now))


@family.command()
def merge(
    context: typer.Context,
    parent: _Parent,
    children: Annotated[list[str], typer.Argument(metavar="CHILD...", help=_NAMES)],
    name: Annotated[str | None, typer.Option(help="Of the new snapshot.")] = None,
) -> None:
    """Merge what children of a snapshot have learnt, by counts, into a new snapshot of the same net; no words travel.

    Each must have consented. What is merged shows to all who read the new snapshot's net, or a child of it.
    """
    net, snapshot = snapshot_of(parent, "NET@SNAPSHOT")
    with client_of(context) as client:
        follow_to_its_end(client.nets.merge(net, snapshot, children, name))


@family.command()
def consent(
    context: typer.Context,
    name: Name,
    merge: Annotated[bool, typer.Option(help="Whether it may be merged into its parent.")],
    json: AsJson = False,
) -> None:
    """Say whether what a child learns may be merged into its parent, by who is admin of both."""
    with client_of(context) as client:
        print_net(client.nets.change(name, consent=merge), json)
