"""The commands about links with the nets of other servers: `link` and `unlink`."""

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.asking import AsJson, client_of, print_json
from service.cli.output import print_table, shown

if TYPE_CHECKING:
    from realnet.client import NetLink

links = typer.Typer()

_HEADS = ("id", "server", "state", "tokens", "missed", "own bits", "other", "both", "both, last 1,000")


@links.command()
def link(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Argument(metavar="URL", help="The other server; if not given, all links are shown.")
    ] = None,
    peer_key: Annotated[
        str | None, typer.Option(envvar="REALNET_PEER_KEY", help="A key that may read there, if it asks for one.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Have the net hear that of another server, so that both are one; or show the links and what they bring.

    Neither net learns from the other. `realnet generate --link ID` lets both go on together.
    """
    with client_of(context) as client:
        found = client.links.list() if url is None else [client.links.begin(url, peer_key)]
    if json:
        print_json(found)
    elif url is not None:
        typer.echo(f"{found[0].id}: the net of {found[0].url} is heard")
    else:
        print_table([_row(each) for each in found], heads=_HEADS)


@links.command()
def unlink(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="As `realnet link` has it.")],
) -> None:
    """Cut a link: the net goes on as if there had been none."""
    if not id.isalnum():
        raise typer.BadParameter("an id has letters and digits only", param_hint="ID")
    with client_of(context) as client:
        client.links.cut(id)
    typer.echo(f"{id} is cut")


def _row(link: "NetLink") -> tuple[str, ...]:
    state = link.state if link.why is None else f"{link.state}: {link.why}"
    bits = (None, None, None) if link.bits is None else (link.bits.own, link.bits.other, link.bits.both)
    last = None if link.last_1000 is None else link.last_1000.both
    return (link.id, link.url, state, shown(link.tokens), shown(link.missed), *map(shown, bits), shown(last))
