"""Send the events that one hook wants: at least once, in order, for as long as it takes."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, NamedTuple, TypeAlias

import httpx

from service.hooks import alertmanager, webhook
from service.hooks.hook import Hook
from service.hooks.sending import NotSent, send
from service.store.base import StoreError
from service.streams.rows import StreamEvent
from service.streams.streams import Streams

_AT_ONCE = 100  # events in one message
_PAGE = 256  # events that are looked through at once
_UNSAVED = 1000  # events that nobody wanted, until it is stored that they were looked through
_LAST_SECONDS = 2.0  # for the store to take how far it came, at the end
_MOST_SECONDS = 300.0  # between two tries; the first ones come sooner
_logger = logging.getLogger(__name__)

State: TypeAlias = Literal["ok", "retrying", "failing"]


class HookState(NamedTuple):
    """How a hook is.

    Attributes:
        state: ok, retrying (which may end by itself), or failing (a person has to do something).
        waiting: events that it is still to be sent.
        error: why the last try was in vain, in one line.
        failures: tries in vain since the last that was not.
        next_try, last_delivery: seconds since 1970.
    """

    hook: Hook
    state: State
    waiting: int
    error: str | None
    failures: int
    next_try: float | None
    last_delivery: float | None


class Delivery:
    """Sends events to one hook, in a task of its own.

    `why_not` tells why nothing may be sent, if so.

    Attributes:
        waiting: events that are still to be sent.
        sent, failed: events that were sent, and tries in vain, since the server has begun.
    """

    def __init__(
        self,
        hook: Hook,
        streams: Streams,
        http: httpx.AsyncClient,
        save: Callable[[Hook], Awaitable[None]],
        why_not: str | None,
    ) -> None:
        self.waiting = self.sent = self.failed = 0
        self._hook, self._streams, self._http, self._save, self._why_not = hook, streams, http, save, why_not
        self._stored = self._counted = hook.delivered
        self._is_unsaved = False  # that events were sent
        self._batch: tuple[list[StreamEvent], int] | None = None  # and the id up to which nothing else is wanted
        self._firing: dict[alertmanager.Alert, float] = {}  # since when
        self._resend_at = 0.0 if hook.kind == "alertmanager" else float("inf")  # of time.monotonic
        self._news, self._again = asyncio.Event(), asyncio.Event()
        self._error: str | None = None
        self._state: State = "ok"
        self._failures = 0
        self._next_try: float | None = None
        self._last_delivery: float | None = None
        self._task = asyncio.create_task(self._run(), name=f"hook {hook.id}")

    @property
    def state(self) -> HookState:
        told = (self._state, self.waiting, self._error, self._failures, self._next_try, self._last_delivery)
        return HookState(self._hook, *told)

    async def stop(self) -> None:
        """Stop sending, and store what was sent: after an orderly end nothing is sent twice."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._is_unsaved:
            with contextlib.suppress(StoreError, TimeoutError):
                async with asyncio.timeout(_LAST_SECONDS):
                    await self._save(self._hook)

    def see(self, events: Sequence[StreamEvent]) -> None:
        """Hear of new events."""
        if self._counted == events[0].id - 1:  # else they are counted with those before them
            self._count(events)
        self._news.set()

    async def test(self, event: StreamEvent) -> None:
        """Send an event that is none of a stream, and then try again what waits. Raises NotSent."""
        await self._post([event])
        self._again.set()

    async def _run(self) -> None:
        while True:
            self._again.clear()
            try:
                await self._step()
            except (NotSent, StoreError) as error:
                seconds = self._fail(error)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._again.wait()
            except Exception:  # of one hook: the others and the server go on
                _logger.exception("hook %s has failed, and sends nothing until the server starts again", self._hook.id)
                self._state, self._error = "failing", "an error of the server, as its log tells"
                return

    async def _step(self) -> None:
        """Send what comes next, or wait for it. Raises NotSent or StoreError, and nothing is left out by it."""
        self._news.clear()
        await self._count_all()
        if self._batch is None:
            self._batch = await self._next()
        batch, upto = self._batch
        if batch:
            await self._streams.events.save()  # after a crash no other event has the id of one that was sent
            await self._post(batch)
            self._sent(batch)
        self._hook = self._hook.model_copy(update={"delivered": upto})
        self._batch = None
        if self._is_unsaved or upto - self._stored > _UNSAVED:
            await self._save(self._hook)
            self._stored, self._is_unsaved = upto, False
            self._well()
        if not batch and upto >= self._streams.events.last:
            await self._idle()

    async def _next(self) -> tuple[list[StreamEvent], int]:
        """Return the next events to be sent, and the id of the last that was looked at."""
        found: list[StreamEvent] = []
        id, last, lost = self._hook.delivered, self._streams.events.last, 0
        while id < last and len(found) < _AT_ONCE:
            page = await self._streams.events.after(id, _PAGE)
            for event in page:
                lost += event.id - id - 1
                id = event.id
                if self._hook.wants(event):
                    found.append(event)
                    if len(found) == _AT_ONCE:
                        break
            if not page:
                lost, id = lost + last - id, last
        if lost:
            _logger.error("hook %s was never sent %d events, which are kept no longer", self._hook.id, lost)
            self.waiting, self._counted = 0, self._hook.delivered
            await self._count_all()
            self._hook = self._hook.model_copy(update={"lost": self._hook.lost + lost})
        return found, id

    async def _idle(self) -> None:
        """Wait for news, and tell Alertmanager meanwhile, again and again, of what is not over."""
        left = self._resend_at - time.monotonic()
        if left > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if left == float("inf") else left):
                    await self._news.wait()
            return
        events = alertmanager.open_of(info.last_event for info in self._streams.infos())
        events = [event for event in events if self._hook.is_about(event.stream)]
        if events:
            await self._post(events)
            self._well()
        self._remember(events)
        still = {alertmanager.alert_of(event) for event in events}
        self._firing = {alert: since for alert, since in self._firing.items() if alert in still}
        self._resend_at = time.monotonic() + alertmanager.RESEND_SECONDS

    async def _post(self, events: Sequence[StreamEvent]) -> None:
        if self._why_not is not None:
            raise NotSent(self._why_not, asks_for_help=True)
        if self._hook.kind == "webhook":
            message = webhook.message_of(self._hook, events, time.time())
        else:
            message = alertmanager.message_of(self._hook, events, self._firing, time.time())
        await send(self._http, message)

    async def _count_all(self) -> None:
        """Count those that came while nobody counted: before the start, or while the store was in trouble."""
        while self._counted < (last := self._streams.events.last):
            page = await self._streams.events.after(self._counted, _PAGE)
            self._count(page)
            if not page:  # they are damaged
                self._counted = last

    def _count(self, events: Sequence[StreamEvent]) -> None:
        if events:
            self.waiting += sum(self._hook.wants(event) for event in events)
            self._counted = events[-1].id

    def _sent(self, events: Sequence[StreamEvent]) -> None:
        self.sent += len(events)
        self.waiting -= len(events)
        self._is_unsaved = True
        self._last_delivery = time.time()
        self._remember(events)
        self._well()

    def _remember(self, events: Sequence[StreamEvent]) -> None:
        """Know since when Alertmanager has heard of what is not over."""
        for event in alertmanager.open_of(events) if self._hook.kind == "alertmanager" else ():
            self._firing.setdefault(alertmanager.alert_of(event), time.time())

    def _well(self) -> None:
        if self._failures:
            _logger.warning("hook %s is sent events again", self._hook.id)
        self._state, self._error, self._failures, self._next_try = "ok", None, 0, None

    def _fail(self, error: NotSent | StoreError) -> float:
        """Tell of a try in vain, and return after how many seconds another one comes."""
        self.failed += 1
        if not self._failures:
            _logger.error("hook %s could not be sent events, and will be: %s", self._hook.id, error)
        self._failures += 1
        self._error = str(error)
        self._state = "failing" if isinstance(error, NotSent) and error.asks_for_help else "retrying"
        seconds = min(_MOST_SECONDS, 2.0 ** min(self._failures, 10)) * random.uniform(0.5, 1.0)
        if isinstance(error, NotSent):
            seconds = max(seconds, error.retry_after)
        self._next_try = time.time() + seconds
        return seconds
