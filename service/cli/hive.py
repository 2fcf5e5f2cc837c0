"""The commands about the servers that live by one journal: `hive` and `promote`."""

from typing import TYPE_CHECKING

import typer

from service.cli.asking import AsJson, client_of, print_json
from service.cli.output import print_table, shown

if TYPE_CHECKING:
    from realnet.client import Hive, Member

hive = typer.Typer()

_HEADS = ("server", "role", "state", "tick", "record", "behind by records", "ticks", "seconds", "hash")


@hive.command("hive")
def hive_(context: typer.Context, json: AsJson = False) -> None:
    """Show the servers that live by one journal: who leads, how far each is, whether the nets are the same."""
    with client_of(context) as client:
        found = client.hive()
    if json:
        print_json(found)
    else:
        _print(found)


@hive.command()
def promote(context: typer.Context) -> None:
    """Have a server that follows lead, once its leader is gone. It takes up to some ten seconds."""
    with client_of(context) as client:
        _print(client.promote())


def _print(found: "Hive") -> None:
    print_table([_row(each) for each in found.members], heads=_HEADS)
    if found.leader is None:
        typer.echo("nobody leads: `realnet promote` has this server lead")


def _row(member: "Member") -> tuple[str, ...]:
    lag = (member.lag_records, member.lag_ticks, member.lag_seconds)
    role = member.role + (", standby" if member.standby else "")
    return (
        member.url or "-",
        role,
        member.state,
        shown(member.tick),
        shown(member.record),
        *map(shown, lag),
        _hash(member),
    )


def _hash(member: "Member") -> str:
    """Say what the net was at the last mark, and whether the leader's was the same."""
    if member.hash is None:
        return "-"
    agrees = ", as the leader's" if member.hash.agrees else ""
    return f"{member.hash.state_sha256[:8]} at tick {member.hash.tick:,}{agrees}"
