"""The commands `realnet hooks …`, about where a server sends the events of its streams."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.asking import AsJson, Id, client_of, print_json
from service.cli.output import print_table, shown

if TYPE_CHECKING:
    from realnet.client import Hook

hooks = typer.Typer(no_args_is_help=True, help="Have the events of streams sent to webhooks or to Alertmanager.")

_HEADS = ("id", "kind", "url", "streams", "state", "delivered", "waiting", "lost")


class _Kind(StrEnum):
    WEBHOOK = "webhook"
    ALERTMANAGER = "alertmanager"


@hooks.command("add")
def add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to; its host must be one of REALNET_PEERS.")],
    kind: Annotated[_Kind, typer.Option(help="What is there.")] = _Kind.WEBHOOK,
    stream: Annotated[
        list[str] | None, typer.Option(help="Only of this stream, or with a * behind it of several; may be repeated.")
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(envvar="REALNET_HOOK_SECRET", help="What a webhook's messages are signed with; else one is made."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Have events sent from now on. The secret is printed this once."""
    with client_of(context) as client:
        hook = client.hooks.add(url, kind.value, secret=secret, streams=stream or ())
    if json:
        print_json(hook)
        return
    typer.echo(f"{hook.id}: events are sent to the {hook.kind}")
    if hook.secret is not None:
        typer.echo(f"signed with {hook.secret}")


@hooks.command("list")
def list_hooks(context: typer.Context, json: AsJson = False) -> None:
    """List the hooks, and how each is."""
    with client_of(context) as client:
        found = client.hooks.list()
    if json:
        print_json(found)
    else:
        print_table([_row(each) for each in found], heads=_HEADS)


@hooks.command("test")
def test(context: typer.Context, id: Id) -> None:
    """Have an event sent that is none, and if it is taken, what waits as well."""
    with client_of(context) as client:
        client.hooks.test(id)
    typer.echo(f"{id}: it was taken")


@hooks.command("delete")
def delete(context: typer.Context, id: Id) -> None:
    """Have nothing more sent there."""
    with client_of(context) as client:
        client.hooks.delete(id)
    typer.echo(f"{id} is deleted")


def _row(hook: "Hook") -> tuple[str, ...]:
    state = hook.state if hook.error is None else f"{hook.state}: {hook.error}"
    streams = " ".join(hook.streams) or "all"
    return (hook.id, hook.kind, hook.url, streams, state, shown(hook.delivered), shown(hook.waiting), shown(hook.lost))
