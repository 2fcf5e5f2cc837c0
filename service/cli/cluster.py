"""The commands `realnet cluster …`: nets on many machines, by Ray."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.asking import AsJson, client_of, print_json
from service.cli.options import with_options
from service.cli.output import megabytes, print_table, shown
from service.cli.serve import settings_of

if TYPE_CHECKING:
    from pydantic import BaseModel

    from realnet.client import Shard

cluster = typer.Typer(no_args_is_help=True, help="Serve nets on many machines, which Ray holds together.")

PORT = 6380  # Ray's own is Redis's
_SHARDS = ("shard", "state", "host", "node", "epoch", "nets", "in memory", "MB", "url")
_NODES = ("node", "address", "host", "shards", "CPUs", "GPUs", "GB")

Own = Annotated[
    str | None,
    typer.Option(
        "--node-ip",
        metavar="IP",
        help="Address by which the other machines reach this one; if not given, as Ray finds it.",
    ),
]
Cpus = Annotated[
    float | None,
    typer.Option("--node-cpus", help="CPUs that shards may have here; if not given, all. 0: a gateway alone."),
]
Gpus = Annotated[
    int | None,
    typer.Option(min=0, help="GPUs that shards may have here, by --cluster-gpus; if not given, all."),
]
Address = Annotated[str, typer.Option(metavar="ADDRESS", help="Of Ray: auto, host:port or ray://host:port.")]


def _groups() -> "Iterable[type[BaseModel]]":
    from service.settings import GROUPS, ClusterSettings

    return (*GROUPS, ClusterSettings)


@with_options(cluster, _groups)
def start(
    given: dict[str, Any],
    address: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Use the Ray that is there: auto, host:port or ray://host:port."),
    ] = None,
    ray_port: Annotated[int, typer.Option(min=1, max=65535, help="TCP port of Ray's head, which others join.")] = PORT,
    node_ip: Own = None,
    node_cpus: Cpus = None,
    node_gpus: Gpus = None,
) -> None:
    """Start a cluster with this machine as its head, and serve a gateway. Its settings are those of all shards."""
    settings = settings_of(given)
    from service.cluster.running import start_cluster

    start_cluster(settings, address, ray_port, node_ip, _resources(node_cpus, node_gpus))


@with_options(cluster, _groups)
def join(
    given: dict[str, Any],
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Of the cluster's head: host:port.")],
    no_gateway: Annotated[bool, typer.Option("--no-gateway", help="Serve no gateway here.")] = False,
    node_ip: Own = None,
    node_cpus: Cpus = None,
    node_gpus: Gpus = None,
) -> None:
    """Add this machine to a cluster, and serve a gateway. At the end its shards go to the others."""
    settings = settings_of(given)
    from service.cluster.running import join_cluster

    join_cluster(settings, address, not no_gateway, node_ip, _resources(node_cpus, node_gpus))


@cluster.command()
def status(context: typer.Context, json: AsJson = False) -> None:
    """Show where the shards are, how many nets each has, and the nodes that they are on."""
    with client_of(context) as client:
        found = client.cluster()
    if json:
        print_json(found)
    else:
        print_table([_row(each) for each in found], heads=_SHARDS)


def _where() -> "list[type[BaseModel]]":
    """Return a model of the settings by which a cluster is found."""
    from pydantic import create_model

    from service.settings import ClusterSettings, ServerSettings

    fields = {"store": ServerSettings.model_fields["store"]}
    fields["cluster_shards"] = ClusterSettings.model_fields["cluster_shards"]
    chosen: dict[str, Any] = {name: (field.annotation, field) for name, field in fields.items()}
    return [create_model("Where", **chosen)]


@with_options(cluster, _where)
def nodes(given: dict[str, Any], address: Address = "auto") -> None:
    """Show the machines of the cluster, as Ray knows them, and which shards are on each. Run it on one of them."""
    from service.cluster.running import nodes_of

    found, seen = _asked(nodes_of, settings_of(given), address)
    rows = []
    for node in found:
        shards = " ".join(str(each.shard) for each in seen if each.node == node.id)
        has = (node.cpus, node.gpus, node.memory / 1e9)
        rows.append((node.id[:12], node.address, node.host, shards or "-", *map(shown, has)))
    print_table(rows, heads=_NODES)


@with_options(cluster, _where)
def drain(
    given: dict[str, Any],
    node: Annotated[
        str, typer.Argument(metavar="NODE", help="Its id or the beginning of that, its address or its host.")
    ],
    address: Address = "auto",
) -> None:
    """Have the shards of a machine go to others, before it is taken away. Run it on a machine of the cluster.

    Streams are told to come again, and go on by themselves; nothing is lost. No shard comes back to that node.
    """
    from service.cluster.running import drained

    count = _asked(drained, settings_of(given), address, node)
    typer.echo(f"{node} has no shards any more ({count} went to others): it may be taken away")


def _asked(ask: Any, *arguments: Any) -> Any:
    """Return what Ray is asked. Raises RealNetError."""
    import asyncio

    from realnet.client import RealNetError
    from service.errors import Refused
    from service.runtime.birth import CannotStart
    from service.store.base import StoreError

    try:
        return asyncio.run(ask(*arguments))
    except (CannotStart, Refused, StoreError) as error:
        raise RealNetError(str(error)) from None


def _resources(cpus: float | None, gpus: int | None) -> list[str]:
    """Return what `ray start` is told of this machine."""
    own = {"--num-cpus": cpus, "--num-gpus": gpus}
    return [f"{flag}={count:g}" for flag, count in own.items() if count is not None]


def _row(shard: "Shard") -> tuple[str, ...]:
    size = "-" if shard.bytes is None else megabytes(shard.bytes)
    counts = (shard.epoch, shard.nets, shard.hot)
    where = (shard.host or "-", (shard.node or "-")[:12])
    return (str(shard.shard), shard.state, *where, *map(shown, counts), size, shard.url or "-")
