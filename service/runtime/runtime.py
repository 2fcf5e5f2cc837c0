"""One net with its parts, started and stopped in order; one method for each thing that may be asked of it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from realnet.interface import Interface
from service.auth.rate_limit import Rates
from service.datasets.catalog import DatasetCatalog
from service.engine.commands import Lead, Run, TellHash
from service.engine.engine import Engine
from service.engine.feed import Feed, Lag
from service.engine.generate import Generate
from service.engine.hashes import Hash, Hashes
from service.engine.inbox import Inbox
from service.engine.output_ring import OutputRing
from service.engine.pace import Mode, Pace
from service.engine.status import Status
from service.errors import Conflict, EngineStopped, NotDurable, NotReady, Refused
from service.jobs.job import Job
from service.jobs.opening import open_jobs, running
from service.journal.codec import JournalDamaged
from service.journal.copies import octets_after
from service.journal.journal import LoggedJournal, OthersJournal
from service.links.links import Links
from service.replica.birth import Descent
from service.runtime.awakening import follower_of, recovered_net, snapshots_of
from service.runtime.birth import CannotStart
from service.runtime.following import Follower
from service.runtime.open_store import OpenStore
from service.runtime.recovery import Recovered, scanned
from service.settings import NetSettings
from service.snapshots.comparison import Comparison
from service.snapshots.snapshot import Snapshot
from service.snapshots.snapshotter import Snapshotter
from service.store.base import Log, StoreError
from service.store.health import StoreHealth
from service.store.keys import NetKeys
from service.strands import OWN, Pools
from service.streams.streams import Streams
from service.telemetry.logs import log_mode
from service.telemetry.metrics import NetParts
from service.watch.watch import Watch

_DRAIN_SECONDS = 1.5  # at a shutdown, to run what was accepted
_BRIEF = 2048  # ticks, or records: to live through so many takes as long as to read a snapshot
# Whether the end of a net leaves a snapshot: always, only where the journal is long, or never.
End: TypeAlias = Literal["saved", "brief", "deleted"]
_logger = logging.getLogger(__name__)


@dataclass(slots=True, frozen=True)
class Events:
    """What happens to a net; whoever wants to know appends a function, which is called on the loop."""

    on_mode: list[Callable[[Mode], None]]
    on_snapshot: list[Callable[[Snapshot], None]]
    on_job: list[Callable[[Job], None]]


class Runtime:
    """A live net. `open` is how to get one; `events`, `jobs`, `datasets`, `snapshots`, `outputs`, `watch` are parts."""

    def __init__(
        self,
        name: str,
        settings: NetSettings,
        place: OpenStore,
        recovered: Recovered,
        log: Log | None,
        follows: bool = False,
        descent: Descent | None = None,
        pools: Pools = OWN,
    ) -> None:
        self.name = name
        self.end: End = "saved"
        self.journal: LoggedJournal | None = None
        if log is not None and not follows:
            self.journal = LoggedJournal(log, settings.journal, recovered.last, pools.journals)
        self.inbox = Inbox(settings.inbox_ticks, settings.max_generations)
        self.outputs = OutputRing(settings.outputs_kept, recovered.replica.learner.interface)
        self.feed = Feed(recovered.last, self.inbox.wake) if follows else None
        self.engine = Engine(
            replica=recovered.replica,
            inbox=self.inbox,
            outputs=self.outputs,
            pace=Pace(settings.tick_hz, settings.rest_after, settings.free_run, paused=recovered.replica.paused),
            journal=OthersJournal(recovered.last) if follows else self.journal,
            replay=recovered.replay,
            idle_learning=settings.idle_learning,
            self_loop=settings.self_loop,
            feed=self.feed,
            hashes=Hashes(0 if log is None else settings.hash_every),
            pool=pools.engines,
        )
        self.watch = Watch(self.engine, name)
        self.rates: Callable[[], Rates | None] = lambda: None  # of the net, whoever asks it
        self.datasets = DatasetCatalog(place.store, settings.datasets_kept, settings.max_dataset_bytes, name)
        self.is_child = descent is not None
        self.snapshots = snapshots_of(name, settings, place, descent)
        self.snapshots.pinned |= recovered.pinned
        self.streams = Streams(
            place.store, name, most=settings.streams, most_bytes=settings.streams_bytes, writes=not follows
        )
        recovered.replica.on_observed = self.streams.taker
        self.snapshotter = Snapshotter(
            self.engine, self.snapshots, settings.snapshot_every, settings.snapshot_ticks, self.journal
        )
        self.snapshotter.save_beside = self.streams.save
        self.comparison = Comparison(self.engine, self.snapshots)
        self._jobs = open_jobs(
            name,
            place.store,
            engine=self.engine,
            inbox=self.inbox,
            outputs=self.outputs,
            datasets=self.datasets,
            snapshots=self.snapshots,
            snapshotter=self.snapshotter,
            directory=self._directory(place),
            device=settings.device,
            largest=settings.max_dataset_bytes,
        )
        self.jobs, self.ancestry = self._jobs.runner, self._jobs.ancestry
        self.snapshots.ancestor = lambda: None if (ref := self.ancestry.ref) is None else ref.id
        self.links = Links(self.engine)
        self.events = Events(self.engine.board.on_mode, self.snapshotter.on_saved, self.jobs.on_changed)
        self.follower: Follower | None = None  # of a server that leads
        self._stack = AsyncExitStack()
        self._begun = recovered.last - (0 if recovered.replay is None else recovered.replay.total)
        self._log = log
        self._cannot_lead: str | None = None
        self._store_health = StoreHealth(place.store)
        self._place = place
        self._settings = settings

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        name: str,
        settings: NetSettings,
        place: OpenStore,
        follows: bool = False,
        descent: Descent | None = None,
        pools: Pools = OWN,
    ) -> AsyncIterator["Runtime"]:
        """Bring the net `name` on this store back to life, or create it; stop it in order. Raises CannotStart.

        One with a `descent` is a child; one that `follows` lives by what another server writes to the store, until
        `lead`. It lives on the threads of `pools`.
        """
        log = None if settings.journal == "off" else place.log(NetKeys(name).journal)
        recovered = await recovered_net(name, settings, place, log, follows, descent)
        if (device := recovered.replica.learner.net.device) != settings.device:  # one was chosen
            settings = settings.model_copy(update={"device": device})
        runtime = cls(name, settings, place, recovered, log, follows, descent, pools)
        async with runtime._stack as stack:
            stack.push_async_callback(runtime._stop)
            try:
                await runtime.streams.open(None if follows else recovered.last)
            except StoreError as error:
                raise CannotStart(str(error)) from error
            if runtime.feed is None:
                runtime._begin_to_write()
                runtime._start()
                await runtime._run_jobs()
            else:
                runtime.follower = follower_of(
                    name, settings, place, log, runtime.snapshots, runtime.engine, runtime.feed, runtime.streams
                )
                runtime._start()
                runtime.follower.start()
                await runtime.jobs.show()
                stack.push_async_callback(runtime.jobs.stop)
            yield runtime

    # What may be asked of a net:

    @property
    def interface(self) -> Interface:
        return self.engine.interface

    @property
    def status(self) -> Status:
        return self.engine.status

    @property
    def thinks(self) -> str | None:
        """Return what the net thinks while nothing comes; None if it does not."""
        tokens, vocabulary = self.engine.thoughts.tokens, self.interface.vocabulary
        return None if tokens is None or vocabulary is None else vocabulary.decode(tokens)

    @property
    def failure(self) -> str | None:
        """Return why this net cannot go on, if it can't."""
        writes = None if self.journal is None else self.journal.failure
        follows = None if self.follower is None else self.follower.failure
        return self._place.lock.lost or self.engine.failure or writes or follows or self._cannot_lead

    @property
    def lag(self) -> Lag | None:
        """Return what a server that follows has read and not applied; None of one that leads."""
        if self.follower is None or self.feed is None:
            return None
        lag = self.feed.lag
        return lag._replace(seconds=max(lag.seconds, self.follower.troubled_seconds))

    @property
    def nbytes(self) -> int:
        """Return about how many bytes this net takes, with its outputs and its streams."""
        return self.engine.nbytes + self.outputs.nbytes + self.streams.nbytes

    @property
    def is_busy(self) -> bool:
        """Return whether there is something to do that nobody need wait for: inputs, jobs, links."""
        has_jobs = any(not job.has_ended for job in self.jobs.all())
        return has_jobs or bool(self.inbox.depth or self.links.states) or self.streams.is_behind

    @property
    def parts(self) -> NetParts:
        """Return the parts that have numbers, for the metrics."""
        return NetParts(self.name, self.engine, self.inbox, self.outputs, self.snapshotter, self.journal, self.lag)

    async def check_ready(self) -> None:
        """Raise Refused or StoreError unless the engine ticks, the journal can be written, and the store answers."""
        if not self.engine.alive:
            raise EngineStopped("the engine does not tick")
        if (replay := self.engine.replay) is not None:
            raise NotReady(f"the journal is being read: {replay.done} of {replay.total} records")
        if not self.inbox.ready:
            raise NotReady(self.inbox.why_not)
        if self.follower is None and self.streams.is_reading:
            raise NotReady("the rows of streams in the journal are being read")
        if self.journal is not None and self.journal.error is not None:
            raise NotDurable(str(self.journal.error))
        if self.follower is not None:  # which writes nothing, not even to see whether it could
            if self.follower.trouble is not None:
                raise StoreError(self.follower.trouble)
        elif (error := await self._store_health.error()) is not None:
            raise error

    def submit(self, run: Run) -> None:
        """Take an input now, or raise Refused; `run.journalled` and `run.reply` say what becomes of it."""
        self.inbox.put(run)

    def enter(self, run: Run) -> "asyncio.Future[None]":
        """Take an input as soon as there is room: done when it is in, or refused, as `run.reply` then says."""
        return self.inbox.enter(run)

    def generate(self, command: Generate, space: str) -> None:
        """Begin a generation for the caller of `space`, or raise Refused; `command.reply` is done at its end."""
        if command.link is None:
            self.inbox.put(command, space)
        else:
            self.links.generate(command, space)

    async def hashes(self) -> tuple[str, str]:
        """Return the SHA-256 of the weights, and of everything that a snapshot holds, at one tick."""
        return await self.snapshotter.hashes()

    async def restore(self, id: str) -> Snapshot:
        """Put the net back to a snapshot. Raises NotFound, StoreError, SnapshotDamaged or Refused."""
        return await self.snapshotter.restore(id, self._settings.device)

    def journal_after(self, record: int) -> Iterator[bytes]:
        """Return what the journal has behind a record, as `octets_after` does. Raises Conflict where none is kept."""
        if self._log is None:
            raise Conflict("this server keeps no journal")
        return octets_after(self._place.log(NetKeys(self.name).journal), record)  # the other one is its writer's

    # How it begins and ends:

    async def lead(self) -> None:
        """Write to the store from now on, which is this server's: behind all that its last server has journalled.

        Inputs are refused until the inbox is told otherwise. What cannot be made good is this server's `failure`, and
        is raised as StoreError, JournalDamaged or Refused.
        """
        assert self.follower is not None
        assert self._log is not None
        try:
            await self.follower.finish()
            journal = await asyncio.to_thread(scanned, self._log, self._begun)
            if journal.last != self.follower.last:
                raise JournalDamaged(f"the journal ends at record {journal.last}, not {self.follower.last}")
            await self.snapshots.sweep()
            await self.datasets.sweep()
            await self.streams.lead()
            self.journal = LoggedJournal(self._log, self._settings.journal, journal.last)
            await self.engine.ask(Lead(self.journal))
            self.snapshots.pinned |= journal.snapshots
            self.snapshotter.write_to(self.journal)
            self.follower = self.feed = None
            self._begin_to_write()
            self.snapshotter.start()
            await self.jobs.stop()
            await self._run_jobs()
        except (StoreError, JournalDamaged, Refused) as error:
            self._cannot_lead = f"the store was taken over, and cannot be gone on with: {error}"
            raise

    def _start(self) -> None:
        self.engine.board.on_mode.append(log_mode)
        self.engine.start()
        if self.follower is None:
            self.snapshotter.start()

    def _begin_to_write(self) -> None:
        """Start the journal."""
        if self._log is None or self.journal is None:
            return
        loop = asyncio.get_running_loop()
        self.journal.on_durable, self.journal.on_trouble = self.inbox.wake, self.inbox.refuse
        self._log.on_loss = partial(loop.call_soon_threadsafe, self.snapshotter.journal_has_lost)
        self.engine.hashes.on_taken = lambda taken: loop.call_soon_threadsafe(self._tell_hash, taken)
        self.journal.start()

    def _tell_hash(self, taken: Hash) -> None:
        with contextlib.suppress(Refused):  # the next one will do
            self.inbox.put(TellHash(*taken))

    async def _run_jobs(self) -> None:
        directory, sleep_after = self._directory(self._place), self._settings.sleep_after
        await self._stack.enter_async_context(running(self._jobs, self.engine.progress, directory, sleep_after))

    def _directory(self, place: OpenStore) -> Path | None:
        return None if place.directory is None else place.directory / self.name

    async def _stop(self) -> None:
        await self.links.stop()
        if self.follower is not None:
            await self.follower.stop()
        if self.end != "deleted":
            await self._drain()
        await self.snapshotter.stop(save=self._has_to_be_saved)
        await self.streams.stop()
        await self.engine.stop()
        if self.journal is not None:
            await self.journal.stop()
        self.snapshots.descent = None  # freed with its last child: a cycle would keep it until the next full collection

    @property
    def _has_to_be_saved(self) -> bool:
        """Return whether a last snapshot is due, if anything was learnt since the one before."""
        if self.follower is not None or self._place.lock.lost is not None or self.end == "deleted":
            return False
        if self.end == "saved" or self.journal is None or self.journal.error is not None or self.streams.names:
            return True
        return self.status.ticks_computed >= _BRIEF or self.status.record - self._begun >= _BRIEF

    async def _drain(self) -> None:
        """Let the engine run what was accepted, if that does not take long."""
        if self.engine.alive and self.status.mode is not Mode.PAUSED:
            try:
                async with asyncio.timeout(_DRAIN_SECONDS):
                    await self.inbox.emptied()
            except TimeoutError:
                pass
        if self.inbox.depth:
            what = "are not learnt" if self.journal is None else "are learnt at the next start"
            _logger.warning("%d ticks that were accepted %s", self.inbox.depth, what)
