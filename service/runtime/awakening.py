"""Bring a net back to life, create it, or have it follow another; and make its kernels ready."""

import asyncio
import logging
import time
from collections import deque
from functools import partial

from realnet.kernels import KernelLost
from realnet.learners import Learner
from service.datasets.catalog import DatasetCatalog
from service.engine.engine import Engine
from service.engine.feed import Feed
from service.engine.threads import warm_up
from service.journal.codec import JournalDamaged
from service.replica import chronicle
from service.replica.birth import Birth, Descent
from service.runtime.birth import CannotStart, birth_of, check_is_as_asked_for, create
from service.runtime.following import Follower
from service.runtime.open_store import OpenStore
from service.runtime.recovery import Recovered, loader, recover
from service.settings import NetSettings
from service.snapshots.catalog import SnapshotCatalog
from service.snapshots.snapshot import SnapshotDamaged
from service.speed.cores import cores
from service.speed.device import AUTO, CPU, check_is_there, chosen
from service.store.base import Log, StoreError
from service.store.keys import NetKeys
from service.streams.streams import Streams

_STILL_SECONDS = 15.0  # between two lines that say that they are still compiled
_LOAD_SECONDS = 3.0  # that compiled kernels take at most to be loaded
_KINDS = 64  # of nets of which it is known that their kernels are ready
_logger = logging.getLogger(__name__)
_ready: deque[tuple[Birth, str]] = deque(maxlen=_KINDS)  # what they were born from, and on which device


async def recovered_net(
    name: str, settings: NetSettings, place: OpenStore, log: Log | None, follows: bool, descent: Descent | None = None
) -> Recovered:
    """Return the net as it was, or a new one. Raises CannotStart."""
    snapshots = snapshots_of(name, settings, place, descent)
    try:
        if not follows:
            await snapshots.sweep()
            await DatasetCatalog(place.store, settings.datasets_kept, settings.max_dataset_bytes, name).sweep()
        if settings.device not in (AUTO, CPU):
            await asyncio.to_thread(check_is_there, settings.device)  # before a snapshot is blamed
        birth = birth_of(settings, descent) if descent is not None else await asyncio.to_thread(birth_of, settings)

        async def recovered_on(device: str) -> Recovered:
            make = partial(create, device=device, descent=descent)
            found = await recover(snapshots, log, device, birth, make, follows)
            if (kind := (birth, device)) not in _ready:  # others of this kind are as quick as their first
                await _warm_up(found.replica.learner)
                _ready.append(kind)
            return found

        recovered = await recovered_on(CPU if settings.device == AUTO else settings.device)
        if settings.device == AUTO:
            choice = await asyncio.to_thread(chosen, recovered.replica.learner)
            _logger.info("device %s computes the net: %s", *choice)
            if choice.device != CPU:
                recovered = await recovered_on(choice.device)
        if descent is not None:
            if recovered.parent != descent.parent.sha256:
                descent.parent = await asyncio.to_thread(descent.find, recovered.parent)
            descent.is_new = recovered.is_rebased
    except (StoreError, SnapshotDamaged, JournalDamaged, KernelLost, ValueError) as error:
        raise CannotStart(str(error)) from error
    check_is_as_asked_for(recovered.replica.learner, settings, birth)
    return recovered


def follower_of(
    name: str,
    settings: NetSettings,
    place: OpenStore,
    log: Log | None,
    snapshots: SnapshotCatalog,
    engine: Engine,
    feed: Feed,
    streams: Streams,
) -> Follower:
    """Return what reads the journal of the net `name`, which another server writes, for an engine."""

    async def recovered(least: int) -> Recovered:
        birth = await asyncio.to_thread(birth_of, settings)
        make = partial(create, device=settings.device)
        found = await recover(snapshots, log, settings.device, birth, make, follows=True, least=least)
        found.replica.on_observed = await streams.begin_anew()
        return found

    tail = partial(place.tail, NetKeys(name).journal)
    told = engine.hashes, engine.interface, tail, recovered, loader(snapshots), settings.device
    follower = Follower(feed, *told)
    engine.on_difference = follower.differs
    return follower


async def _warm_up(learner: Learner) -> None:
    """Make the net's kernels ready, and say so where they have to be compiled."""
    began = time.monotonic()
    warming = asyncio.create_task(asyncio.to_thread(_compile, learner))
    await asyncio.wait([warming], timeout=_LOAD_SECONDS)
    if is_slow := not warming.done():
        _logger.info("compiling the kernels of %s, once on this machine; it takes up to a minute", learner.net.preset)
    while not warming.done():
        await asyncio.wait([warming], timeout=_STILL_SECONDS)
        if not warming.done():
            _logger.info("still compiling, for %.0f s", time.monotonic() - began)
    await warming
    if is_slow:
        _logger.info("the kernels are compiled, in %.0f s", time.monotonic() - began)


def _compile(learner: Learner) -> None:
    learner.warm_up()
    warm_up(learner.net, cores())
    chronicle.warm_up()


def snapshots_of(name: str, settings: NetSettings, place: OpenStore, descent: Descent | None = None) -> SnapshotCatalog:
    """Return the snapshots of the net `name`, which is a child if it has a `descent`."""
    kept, most = settings.snapshots_kept, settings.max_kept_snapshots
    return SnapshotCatalog(place.store, kept, name, most_kept=most, descent=descent)
