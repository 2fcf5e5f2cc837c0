"""Follow the journal of another server: a thread reads it ahead of the engine, and comes again where it cannot."""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable

from realnet.interface import Interface
from service.engine.feed import Anew, Block, Feed
from service.engine.hashes import Hash, Hashes
from service.journal.codec import JournalDamaged
from service.journal.following import FollowedJournal
from service.journal.records import EntryRecord
from service.replica.entry import Entry
from service.replica.replay import Load, fetch
from service.runtime.recovery import Recovered
from service.snapshots.snapshot import SnapshotDamaged
from service.store.base import Rewritten, StoreError, Tail

_PATIENCE_SECONDS = 0.5  # of one read, and until the store is asked again
_STOP_SECONDS = 2.0
_logger = logging.getLogger(__name__)


class Follower:
    """Hands the engine's feed every record behind the last that was applied, each once and in order.

    Where the journal no longer goes on from there, and where the net turns out to be another than the leader's, the
    newest snapshot and the records behind it are what the net goes on as. A second difference in a row asks for a
    snapshot that is made after it: then it is the leader's memory that no longer is what its journal says.
    """

    def __init__(
        self,
        feed: Feed,
        hashes: Hashes,
        interface: Interface,
        open_tail: Callable[[int], Tail],
        recovered: Callable[[int], Awaitable[Recovered]],
        load: Load,
        device: str,
    ) -> None:
        self.trouble: str | None = None  # why nothing is read now
        self.failure: str | None = None  # why nothing will be read any more
        self.came_again = 0  # times
        self._feed, self._hashes, self._interface = feed, hashes, interface
        self._open_tail, self._recovered, self._load, self._device = open_tail, recovered, load, device
        self._journal = FollowedJournal(open_tail(feed.last), feed.last)
        self._loop = asyncio.get_running_loop()
        self._troubled_at = 0.0
        self._difference: Hash | None = None
        self._has_differed = False  # since another hash agreed
        self._stopping = self._ending = False
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    @property
    def troubled_seconds(self) -> float:
        """Return for how long nothing could be read."""
        return 0.0 if self.trouble is None else time.monotonic() - self._troubled_at

    @property
    def last(self) -> int:
        """Return the number of the record that was read last."""
        return self._journal.last

    def start(self) -> None:
        self._thread.start()

    async def stop(self) -> None:
        """Read no more."""
        self._stopping = True
        self._feed.close()
        await asyncio.to_thread(self._thread.join, _STOP_SECONDS)

    async def finish(self) -> None:
        """Read all that there is, and then no more: nobody writes to the journal now."""
        self._ending = True
        await asyncio.to_thread(self._thread.join)

    def differs(self, own: Hash) -> None:
        """Come again: the net is not the leader's. On any thread."""
        self._difference = own

    # On its thread:

    def _run(self) -> None:
        try:
            while not self._stopping:
                ending = self._ending
                try:
                    if self._read() and ending:
                        break
                except (Rewritten, JournalDamaged) as error:
                    _logger.warning("%s: the net is fetched anew", error)
                    self._come_again(0)
                except StoreError as error:
                    self._say(str(error))
                    time.sleep(_PATIENCE_SECONDS)
        except Exception:
            _logger.exception("the journal is followed no longer")
            self.failure = "the journal is followed no longer, the server's log tells why"
        finally:
            self._journal.close()

    def _read(self) -> bool:
        """Hand on what has come; return whether that was nothing, and there was no trouble."""
        if (difference := self._difference) is not None:
            self._difference = None
            self._come_again(difference.mark if self._has_differed else 0)
            self._has_differed = True
        elif self._hashes.agreed is not None:
            self._has_differed = False
        records = self._journal.next(0.0 if self._ending else _PATIENCE_SECONDS)
        self._say(None)
        if records:
            entries = [self._entry(seq, record) for seq, record in records if isinstance(record, EntryRecord)]
            self._feed.put(Block(entries, records[-1][0]))
        return not records and self._difference is None

    def _entry(self, seq: int, record: EntryRecord) -> Entry:
        entry = Entry.of_record(seq, record, self._interface)
        try:
            fetch(entry, self._load, self._device)
        except ValueError as error:
            raise JournalDamaged(f"journal record {seq} {error}") from error
        return entry

    def _come_again(self, least: int) -> None:
        """Have the engine go on as the newest snapshot and what is behind it, made after record `least`."""
        while not self._stopping:
            try:
                recovered = asyncio.run_coroutine_threadsafe(_awaited(self._recovered(least)), self._loop).result()
                if not recovered.replica.learner.interface.is_like(self._interface):
                    self.failure = "the store has another net now, with other inputs or outputs: start again"
                    self._stopping = True
                    return
                if recovered.replay is not None:
                    for _ in recovered.replay.run(recovered.replica):
                        pass
            except (StoreError, SnapshotDamaged, JournalDamaged, ValueError) as error:
                self._say(str(error))
                time.sleep(_PATIENCE_SECONDS)
                continue
            self._journal.close()
            self._journal = FollowedJournal(self._open_tail(recovered.last), recovered.last)
            self._feed.begin_anew(Anew(recovered.replica, recovered.last))
            self.came_again += 1
            tick = recovered.replica.learner.net.tick
            _logger.warning("the net was fetched anew, and is at record %d, tick %d", recovered.last, tick)
            return

    def _say(self, trouble: str | None) -> None:
        if trouble != self.trouble:
            if trouble is None:
                _logger.info("the journal is followed again")
            else:
                _logger.error("the journal cannot be followed: %s", trouble)
        if self.trouble is None:
            self._troubled_at = time.monotonic()
        self.trouble = trouble


async def _awaited(recovering: Awaitable[Recovered]) -> Recovered:
    return await recovering
