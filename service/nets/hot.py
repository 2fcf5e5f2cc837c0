"""The nets that are in memory: opened by the first who uses one, and closed when others need the room."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

from service.auth.share import Share
from service.errors import NetDamaged, NotReady, Refused
from service.nets.room import Room, check_size
from service.nets.tally import Tally
from service.runtime.birth import CannotStart
from service.runtime.runtime import Runtime
from service.store.base import StoreError
from service.telemetry.logs import NET

_LOOK_SECONDS = 1.0  # between two looks at how much memory all take, and whether each can go on
_READY_SECONDS = 0.005  # between two looks whether a journal has been read
_AGAIN_SECONDS = 10.0  # until a net that could not be opened is tried again
_LEAVE_SECONDS = 3.0  # for those who use a net that is deleted
_logger = logging.getLogger(__name__)

State: TypeAlias = Literal["hot", "cold", "waking", "damaged"]


class Opened(Protocol):
    """A net in memory, with all that its clients need."""

    @property
    def runtime(self) -> Runtime: ...

    @property
    def is_busy(self) -> bool:
        """Return whether it has something to do that no request waits for."""
        ...

    def end(self, why: str) -> None:
        """Have its clients' streams end."""


E = TypeVar("E", bound=Opened)


class _Hot(Generic[E]):
    """One net. It lives in a task of its own, from its opening to its end.

    Attributes:
        users: how often it is used, or waited for, now.
        is_let_in: it has one of the places for hot nets.
        nbytes: what it took when it had changed so often (`changes`).
        of, used, limits: whose it is, when it was used, and the shares that it is in, as `Room` has it.
    """

    def __init__(self, name: str, limits: tuple[Share, ...]) -> None:
        self.name, self.limits = name, limits
        self.of, self.used = "", 0.0
        self.users = 0
        self.tasks: set[asyncio.Task[Any]] = set()
        self.opened: asyncio.Future[E] = asyncio.get_running_loop().create_future()
        self.end = asyncio.Event()
        self.is_let_in = False
        self.nbytes = self.changes = 0
        self.life: asyncio.Task[None]

    @property
    def edge(self) -> E | None:
        """Return the net, None before it is open, and from the beginning of its end on."""
        return self.opened.result() if self.opened.done() and not self.end.is_set() else None

    @property
    def can_be_closed(self) -> bool:
        return not self.users and self.edge is not None and not self.edge.is_busy


class HotNets(Generic[E]):
    """At most `most` nets, and about `most_bytes`, in memory: others are closed for one, as `Room` has it.

    Whoever uses one waits for at most `patience` seconds. On the loop.
    """

    def __init__(
        self,
        open: Callable[[str], AbstractAsyncContextManager[E]],
        most: int,
        most_bytes: int,
        patience: float,
        shares: Callable[[], tuple[Share, ...]],
    ) -> None:
        self.tally = Tally()
        self._open, self._patience = open, patience
        self._nets: OrderedDict[str, _Hot[E]] = OrderedDict()  # the one used longest ago is first
        self._room = Room(self._nets, most, most_bytes, shares)
        self._damaged: dict[str, tuple[NetDamaged, float]] = {}  # since when
        self._has_changed = asyncio.Event()
        self.is_closed = False
        self._looking = asyncio.create_task(self._look(), name="hot nets")

    @asynccontextmanager
    async def use(self, name: str, of: str = "") -> AsyncIterator[E]:
        """Have a net in memory until the end of the block, for the one who is named `of`.

        Raises NetDamaged, StoreError, Conflict where it is larger than a share, or NotReady where it is not there in
        time.
        """
        try:
            async with asyncio.timeout(self._patience):
                hot = await self._held(name)
        except TimeoutError:
            why = f"the net {name} is being woken"
            if (found := self._nets.get(name)) is not None and not found.is_let_in:
                why = self._room.why_not(found)
            raise NotReady(f"{why}: ask again") from None
        task = asyncio.current_task()
        assert task is not None, "called from a coroutine"
        hot.tasks.add(task)
        hot.of = of
        try:
            yield hot.opened.result()
        finally:
            hot.tasks.discard(task)
            self._let_go(hot)

    def edge_of(self, name: str) -> E | None:
        """Return a net that is in memory, without using it."""
        return hot.edge if (hot := self._nets.get(name)) is not None else None

    @property
    def edges(self) -> list[E]:
        return [hot.edge for hot in self._nets.values() if hot.edge is not None]

    @property
    def nbytes(self) -> int:
        return self._room.nbytes

    @property
    def damaged(self) -> int:
        return len(self._damaged)

    def state(self, name: str) -> tuple[State, str | None]:
        """Return what a net is doing, and why if it is damaged. One whose end has begun is cold."""
        if (hot := self._nets.get(name)) is not None and not hot.end.is_set():
            return ("waking" if hot.edge is None else "hot"), None
        found = self._damaged.get(name)
        return ("cold", None) if found is None else ("damaged", str(found[0]))

    def renew(self, name: str) -> None:
        """Have a net be opened anew by who uses it next: at once where it could not be, or where nobody uses it now."""
        self._damaged.pop(name, None)
        if (hot := self._nets.get(name)) is not None and hot.can_be_closed:
            hot.end.set()

    async def remove(self, name: str) -> None:
        """Have a net end that is to be deleted, with all that is done with it, and save nothing."""
        self._damaged.pop(name, None)
        if (hot := self._nets.get(name)) is None:
            return
        edge = hot.edge
        hot.end.set()
        if edge is not None:
            edge.runtime.end = "deleted"
            edge.end("the net has been deleted")
            with suppress(TimeoutError):
                async with asyncio.timeout(_LEAVE_SECONDS):
                    while hot.tasks:
                        await self._change()
            for task in hot.tasks:
                task.cancel()
        await asyncio.wait([hot.life])

    def begin_to_close(self) -> None:
        """Have all nets end, each by itself, and open none any more."""
        self.is_closed = True
        self._looking.cancel()
        for hot in self._nets.values():
            hot.end.set()
            if not hot.is_let_in:
                hot.life.cancel()

    async def close(self) -> None:
        """Wait until all have ended."""
        self.begin_to_close()
        await asyncio.gather(self._looking, *(hot.life for hot in self._nets.values()), return_exceptions=True)

    # How one is used:

    async def _held(self, name: str) -> _Hot[E]:
        """Return a net that is open, and is not closed before it is let go."""
        while True:
            hot = self._nets.get(name) or self._begin(name)
            hot.users += 1
            try:
                if hot.end.is_set():
                    await asyncio.wait([hot.life])
                else:
                    await asyncio.shield(hot.opened)
            except BaseException:
                self._let_go(hot)
                raise
            if not hot.end.is_set():
                self._nets.move_to_end(name)
                return hot
            self._let_go(hot)

    def _let_go(self, hot: _Hot[E]) -> None:
        hot.users -= 1
        hot.used = time.monotonic()
        if hot.name in self._nets:
            self._nets.move_to_end(hot.name)
        self._say()

    # How one lives:

    def _begin(self, name: str) -> _Hot[E]:
        if self.is_closed:
            raise NotReady("the server is shutting down")
        if (found := self._damaged.get(name)) is not None:
            if time.monotonic() - found[1] < _AGAIN_SECONDS:
                raise NetDamaged(str(found[0]))
            del self._damaged[name]
        hot = self._nets[name] = _Hot[E](name, self._room.limits_of(name))
        hot.life = asyncio.create_task(self._live(hot), name=f"net {name}")
        return hot

    async def _live(self, hot: _Hot[E]) -> None:
        NET.set(hot.name)
        try:
            await self._let_in(hot)
            began = time.monotonic()
            async with self._open(hot.name) as edge:
                edge.runtime.end = "brief"
                await _until_ready(edge.runtime, hot.end)
                hot.nbytes = edge.runtime.nbytes
                for share in hot.limits:
                    check_size(f"the net {hot.name}", hot.nbytes, share)
                hot.opened.set_result(edge)
                self.tally.woken(time.monotonic() - began)
                self._room.keep()
                await hot.end.wait()
        except asyncio.CancelledError:
            self._fail(hot, NotReady("the server is shutting down"))
            raise
        except Exception as error:
            self._fail(hot, self._refusal(hot.name, error))
        finally:
            del self._nets[hot.name]
            self._say()

    async def _let_in(self, hot: _Hot[E]) -> None:
        """Wait for a place, and close others for it. Raises NotReady where all are busy."""
        try:
            async with asyncio.timeout(self._patience):
                while not self._room.is_for(hot):
                    await self._change()
        except TimeoutError:
            raise NotReady(f"{self._room.why_not(hot)}: ask again") from None
        hot.is_let_in = True

    def _refusal(self, name: str, error: Exception) -> Exception:
        """Return what is said of a net that could not be opened, or could not go on."""
        if isinstance(error, StoreError | Refused):
            return error
        if isinstance(error.__cause__, StoreError):
            return error.__cause__
        if isinstance(error, CannotStart):
            _logger.error("the net %s cannot be opened: %s", name, error)
            damaged = NetDamaged(f"the net {name} cannot be opened: {error}")
        else:
            _logger.error("the net %s cannot be opened", name, exc_info=error)
            damaged = NetDamaged(f"the net {name} cannot be opened, the server's log tells why")
        self._damaged[name] = damaged, time.monotonic()
        return damaged

    def _fail(self, hot: _Hot[E], error: Exception) -> None:
        hot.end.set()
        if not hot.opened.done():
            self.tally.failed += 1
            hot.opened.set_exception(error)
            hot.opened.exception()  # perhaps nobody waits any more

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for hot in self._nets.values():
                if (edge := hot.edge) is None or hot.end.is_set():
                    continue
                if (changes := edge.runtime.engine.board.status.changes) != hot.changes:  # to add all up takes its time
                    hot.changes, hot.nbytes = changes, edge.runtime.nbytes
                if (why := edge.runtime.failure) is not None:
                    _logger.error("the net %s cannot go on: %s", hot.name, why)
                    self._damaged[hot.name] = NetDamaged(f"the net {hot.name} cannot go on: {why}"), time.monotonic()
                    edge.end("the net cannot go on")
                    hot.end.set()
            self._room.keep()
            self._say()  # what was busy may be so no longer

    def _say(self) -> None:
        self._has_changed.set()
        self._has_changed = asyncio.Event()

    async def _change(self) -> None:
        await self._has_changed.wait()


async def _until_ready(runtime: Runtime, end: asyncio.Event) -> None:
    """Wait until a net has read its journal. Raises CannotStart where it cannot."""
    while not (end.is_set() or (runtime.inbox.ready and not runtime.streams.is_reading)):
        if runtime.failure is not None:
            raise CannotStart(runtime.failure)
        await asyncio.sleep(_READY_SECONDS)
