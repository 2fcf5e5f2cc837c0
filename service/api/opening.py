"""Open a net with all that stands between it and its clients."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from service.api.deps import Edge
from service.api.idempotency import IdempotencyKeys
from service.api.stream.hub import StreamHub
from service.api.uploads import Uploads
from service.auth.places import Places
from service.hooks.hooks import Hooks
from service.nets.manifest import DEFAULT
from service.replica.birth import Descent
from service.runtime.birth import CannotStart
from service.runtime.hive import Hive
from service.runtime.incoming import Incoming
from service.runtime.open_store import OpenStore
from service.runtime.runtime import Runtime
from service.settings import Settings
from service.speed.cores import cores
from service.store.base import Store, StoreError
from service.strands import OWN, Pool, Pools

_LEAST_ENGINES = 2  # threads: one may be held by a slow net
_JOURNALS = 4  # threads, most of which wait for the store


class NetOpener:
    """Opens nets of one store, which share the places for uploads and for streams; and all but `default` threads."""

    def __init__(self, place: OpenStore, settings: Settings) -> None:
        self._place = place
        self._uploads = Uploads(place.directory, settings.max_uploads)
        self._streams = Places(settings.max_streams, "streams")
        self._pools = Pools(Pool(max(_LEAST_ENGINES, cores()), "engines"), Pool(_JOURNALS, "journals"))

    @asynccontextmanager
    async def opened(
        self,
        name: str,
        settings: Settings,
        hive: Callable[[Runtime], Hive],
        follows: bool = False,
        store: Store | None = None,
        descent: Descent | None = None,
    ) -> AsyncIterator[Edge]:
        """Bring a net back to life, or create it, and stop it in order. Raises CannotStart.

        `hive` returns the servers on the store; one that `follows` is told by them when it comes to lead. `store` is
        what the net sees of the store, if that is not all of it. One with a `descent` is a child.
        """
        place = self._place if store is None else replace(self._place, store=store)
        async with AsyncExitStack() as stack:
            pools = OWN if name == DEFAULT else self._pools
            runtime = await stack.enter_async_context(Runtime.open(name, settings, place, follows, descent, pools))
            servers = hive(runtime)
            hub = StreamHub(runtime, settings, servers, self._streams)
            runtime.events.on_mode.append(hub.mode_changed)
            runtime.events.on_snapshot.append(hub.snapshot_saved)
            runtime.events.on_job.append(hub.job_changed)
            runtime.streams.events.on_added.append(hub.news_came)
            keys = IdempotencyKeys(runtime.engine.progress.keys, settings.idempotency_keys)
            news = Hooks(place.store, name, runtime.streams, settings.callable_hosts)
            stack.push_async_callback(news.stop)
            if follows:
                servers.on_lead += [hub.begin_to_lead, news.begin_to_lead]
            else:
                try:
                    await news.start()
                except StoreError as error:
                    raise CannotStart(str(error)) from error
            incoming = Incoming(runtime, settings.max_rows_per_request)
            yield Edge(settings, runtime, hub, keys, self._uploads, servers, news, incoming)
