"""The servers that live by one journal: who leads, who follows and how far, and how a follower comes to lead."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable

from pydantic import BaseModel, ValidationError

from service.engine.feed import Lag
from service.errors import Conflict, Follows, Refused
from service.journal.codec import JournalDamaged
from service.runtime.birth import CannotStart
from service.runtime.open_store import OpenStore
from service.runtime.runtime import Runtime
from service.settings import ServerSettings
from service.store.base import StoreError, StoreInUse

_BEAT_SECONDS = 1.0
_ALONE_SECONDS = 20.0  # between two beats of a leader that nobody follows
_GONE_SECONDS = 5.0  # without a beat
_LOOK_SECONDS = 0.5  # between two tries of a standby to lead
_logger = logging.getLogger(__name__)


class HashSeen(BaseModel, frozen=True):
    """The SHA-256 of all that a snapshot holds, at a tick; `agrees` tells whether the leader's was the same."""

    tick: int
    state_sha256: str
    agrees: bool | None = None


class Member(BaseModel, frozen=True):
    """A server of a hive. `record` is how far into the journal its net is; `lag_…` is what it has read and not lived.

    Attributes:
        state: ready, reading (the journal), out (its net was not the leader's) or cut off (from the store).
        seen_seconds: how long ago it was heard of.
    """

    id: str
    role: str
    url: str
    standby: bool = False
    state: str
    tick: int
    record: int
    lag_records: int = 0
    lag_ticks: int = 0
    lag_seconds: float = 0.0
    hash: HashSeen | None = None
    seen_seconds: float = 0.0


class Hive:
    """This server among the others on its store. On the loop.

    Attributes:
        leads: it is this server that takes inputs: from the moment on in which its inbox does.
        members: all that were heard of in the last seconds, this one too, the leader first.
    """

    def __init__(self, runtime: Runtime, place: OpenStore, settings: ServerSettings, url: str) -> None:
        self.id = secrets.token_hex(4)
        self.url = url
        self.leads = runtime.follower is None
        self.read_only = settings.read_only
        self.on_lead: list[Callable[[], None]] = []  # called before the first input may come
        self._standby = settings.standby
        self._runtime = runtime
        self._place = place
        self._members: list[Member] = []
        self._told_at = 0.0
        self._promoting = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def leader(self) -> str | None:
        """Return the leader's URL, as it was heard of last; None where nobody leads."""
        if self.leads:
            return self.url
        # One at this server's own address is what was here before, and is dead.
        return next((each.url for each in self._members if each.role == "leader" and each.url != self.url), None)

    @property
    def members(self) -> list[Member]:
        others = [each for each in self._members if each.id != self.id and each.seen_seconds <= _GONE_SECONDS]
        return sorted([self.me, *others], key=lambda each: (each.role != "leader", each.url, each.id))

    @property
    def me(self) -> Member:
        """Return this server as it is now."""
        runtime, status = self._runtime, self._runtime.status
        hashes, lag, unread = runtime.engine.hashes, runtime.lag or Lag(), 0
        if not self.leads:
            known = max((each.record for each in self._members if each.role == "leader"), default=0)
            unread = known - status.record
        own, seen = hashes.last, None
        if own is not None:
            agrees = None if self.leads or own != hashes.agreed else True
            seen = HashSeen(tick=own.tick, state_sha256=own.sha256, agrees=agrees)
        return Member(
            id=self.id,
            role="leader" if self.leads else "follower",
            url=self.url,
            standby=self._standby and not self.leads,
            state=self._state(),
            tick=status.tick,
            record=status.record,
            lag_records=max(lag.records, unread),
            lag_ticks=lag.ticks,
            lag_seconds=round(lag.seconds, 3),
            hash=seen,
        )

    async def start(self) -> None:
        await self._beat()
        self._tasks.append(asyncio.create_task(self._beat_on(), name="hive"))
        if self._standby:
            self._tasks.append(asyncio.create_task(self._stand_by(), name="standby"))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(StoreError):
            await self._place.members.leave(self.id)

    async def promote(self, waits: bool = True) -> None:
        """Lead from now on. Raises Conflict while another server leads, or this one is not ready to.

        StoreError or JournalDamaged, once the store is this server's, are its end.
        """
        async with self._promoting:
            if self.leads:
                return
            await self._runtime.check_ready()
            began = time.monotonic()
            try:
                await self._place.lock.take(waits)
            except StoreInUse as error:
                raise Conflict(f"{error}: its leader lives") from error
            await self._runtime.lead()
            for listener in self.on_lead:
                listener()
            self._runtime.inbox.refuse(None)
            self.leads = True
            took = time.monotonic() - began
            _logger.warning("this server leads now, from record %d on; that took %.1f s", self.me.record, took)
            await self._beat()

    def _state(self) -> str:
        if self._runtime.engine.difference is not None:
            return "out"
        if not self._runtime.inbox.ready:
            return "reading"
        follower = self._runtime.follower
        return "ready" if follower is None or follower.trouble is None else "cut off"

    async def _beat_on(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            await self._beat()

    async def _beat(self) -> None:
        """Hear of the others, and tell of this server, unless it leads and nobody hears it."""
        try:
            self._members = await self._heard()
            others = [each for each in self._members if each.id != self.id]
            self._runtime.engine.hashes.wanted = bool(others)
            if not self.leads:
                self._refuse_writes()
            if others or not self.leads or time.monotonic() - self._told_at >= _ALONE_SECONDS:
                self._told_at = time.monotonic()
                await self._place.members.tell(self.id, self.me.model_dump_json().encode())
        except StoreError as error:
            _logger.debug("the hive is not heard of: %s", error)

    async def _heard(self) -> list[Member]:
        heard = []
        for told, seconds in await self._place.members.all():
            with contextlib.suppress(ValidationError):  # of another version
                heard.append(Member.model_validate_json(told).model_copy(update={"seen_seconds": round(seconds, 1)}))
        return sorted(heard, key=lambda each: each.seen_seconds)

    def _refuse_writes(self) -> None:
        """Have the inbox refuse what only the leader may take; it says where that is."""
        where = "whose URL is not known" if self.leader is None else f"at {self.leader}"
        self._runtime.inbox.refuse(Follows(f"this server follows the leader {where}: send it there"))

    async def _stand_by(self) -> None:
        while not self.leads:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self.promote(waits=False)
            except (Refused, StoreError):
                continue
            except JournalDamaged:  # the server ends by it
                return


async def leads_if_free(place: OpenStore) -> bool:
    """Take the store if nobody has it, for a server that stands by. Raises CannotStart."""
    try:
        await place.lock.take(waits=False)
    except StoreInUse:
        return False
    except StoreError as error:
        raise CannotStart(str(error)) from error
    return True
