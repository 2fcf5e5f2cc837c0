"""The server of one shard: the nets that fall into it, as a server without shards has them, and no net of its own.

`python -m service.cluster.server SHARD` runs one as a plain process, with the settings of its environment.
"""

import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import cast

from fastapi import FastAPI

from service.api.deps import Edge
from service.api.opening import NetOpener
from service.api.routes import hive
from service.app import PARTS, create_app
from service.cluster import shard_routes
from service.cluster.other_shards import OtherShards
from service.cluster.shards import ShardSeen
from service.nets.part import Part
from service.nets.registry import Nets
from service.runtime.birth import CannotStart
from service.runtime.hive import Hive
from service.runtime.open_store import opened_store
from service.server.run import NetServer, build, prepare
from service.settings import Settings
from service.store import open_shard_lock
from service.store.base import StoreError
from service.store.redis_shard_lock import RedisShardLock


def create_shard_app(settings: Settings, shard: int, count: int, node: str = "") -> FastAPI:
    """Put the application of a shard together, which tells Redis where it is as soon as somebody listens there.

    It takes the shard from whoever has it. `node` is Ray's id of the machine. Raises CannotStart as `create_app`.
    """

    @asynccontextmanager
    async def living(app: FastAPI, settings: Settings) -> AsyncIterator[Nets[Edge]]:
        async with AsyncExitStack() as stack:
            place = await stack.enter_async_context(
                opened_store(settings.store, lock_of=lambda url: open_shard_lock(url, shard, count))
            )
            lock = cast(RedisShardLock, place.lock)

            async def serves() -> None:
                url = settings.advertise or str(app.state.url)
                seen = ShardSeen(
                    shard=shard, url=url, epoch=lock.epoch, node=node, host=socket.gethostname(), pid=os.getpid()
                )
                await lock.tell(seen.model_dump_json().encode())

            app.state.serves, app.state.lock = serves, lock
            others = OtherShards(lock, count, settings.nets_wait)
            stack.push_async_callback(others.close)
            opener = NetOpener(place, settings)
            nets: Nets[Edge] = Nets(
                place,
                settings,
                None,
                lambda name, own, store, descent: opener.opened(
                    name, own, lambda runtime: Hive(runtime, place, own, ""), store=store, descent=descent
                ),
                lambda: True,
                Part(shard, count),
                app.state.shares,
                others,
            )
            stack.push_async_callback(nets.close)
            try:
                await nets.load()
            except StoreError as error:
                raise CannotStart(str(error)) from error
            yield nets

    return create_app(settings, living, [*(part for part in PARTS if part is not hive), shard_routes])


def build_shard(settings: Settings, shard: int, count: int, node: str = "") -> tuple[NetServer, socket.socket]:
    """Return the server of a shard, not started, and the bound socket that it is to serve on.

    Raises OSError, and CannotStart where it lacks what it is asked for.
    """
    return build(settings, create_shard_app(settings, shard, count, node))


def run(shard: int) -> None:
    """Serve a shard until SIGTERM or SIGINT, as `service.server.run.run` does a store."""
    settings = Settings()
    prepare(settings)
    try:
        server, listener = build_shard(settings, shard, settings.cluster_shards)
    except (OSError, CannotStart) as error:
        sys.exit(f"realnet: {error}")
    if (why := server.serve_on(listener)) is not None:
        sys.exit(f"realnet: {why}")


if __name__ == "__main__":
    run(int(sys.argv[1]))
