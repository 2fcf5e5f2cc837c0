"""The hooks of a net: kept in its store, and served by the server that leads."""

import asyncio
import logging
import time
from collections.abc import Collection, Sequence
from secrets import token_hex

import httpx

from service.errors import Conflict, NotFound, NotReady, PeerFailed, Refused
from service.hooks.delivery import Delivery, HookState
from service.hooks.hook import Hook, HookKind
from service.hooks.sending import NotSent, open_http
from service.peers import check_address
from service.store.base import Store, StoreError
from service.store.keys import NetKeys
from service.streams.rows import StreamEvent
from service.streams.streams import Streams

_MOST = 16  # each has a connection and a task
_AGAIN_SECONDS = 0.5  # until a store in trouble is asked again
_logger = logging.getLogger(__name__)


class _Damaged(Exception):
    def __init__(self, id: str, what: str) -> None:
        super().__init__(f"hook {id} is left out: {what}")


class Hooks:
    """Sends events to other servers, on hosts of `allowed` alone. On the loop; nothing is sent before `start`."""

    def __init__(self, store: Store, name: str, streams: Streams, allowed: Collection[str]) -> None:
        self._store, self._keys, self._streams, self._allowed = store, NetKeys(name).hooks, streams, allowed
        self._http: httpx.AsyncClient | None = None  # until there is a hook
        self._deliveries: dict[str, Delivery] = {}
        self._has_begun = False
        self._adding = asyncio.Lock()
        self._starting: asyncio.Task[None] | None = None
        streams.events.on_added.append(self._see)

    @property
    def states(self) -> list[HookState]:
        """Return how each hook is. Raises NotReady."""
        self._check_begun()
        return [each.state for each in self._deliveries.values()]

    @property
    def deliveries(self) -> dict[str, Delivery]:
        """Return what sends to each hook, by the hook's id."""
        return self._deliveries

    async def start(self) -> None:
        """Send what the hooks of the store were not sent yet, and what comes. Raises StoreError."""
        hooks = []
        for key in await self._store.keys(self._keys):
            try:
                hooks.append(Hook.unseal(key.removeprefix(self._keys), await self._store.get(key) or b"", _Damaged))
            except _Damaged as error:
                _logger.error("%s", error)
        last = self._streams.events.last
        for hook in sorted(hooks, key=lambda each: (each.since, each.id)):
            # A store that was put back to what it was has fewer events than were sent.
            self._begin(hook.model_copy(update={"delivered": min(hook.delivered, last)}))
        self._has_begun = True

    def begin_to_lead(self) -> None:
        """Start as soon as the store lets it."""
        self._starting = asyncio.create_task(self._start_once_possible(), name="hooks")

    async def stop(self) -> None:
        """Stop sending. What is left is sent after the next start."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        await asyncio.gather(*(each.stop() for each in self._deliveries.values()))
        if self._http is not None:
            await self._http.aclose()

    # What may be asked:

    async def add(self, url: str, kind: HookKind, secret: str | None, streams: Sequence[str]) -> HookState:
        """Send events to `url` from now on. Raises Invalid, Forbidden, Conflict or StoreError, with nothing done."""
        check_address(url, self._allowed)
        async with self._adding:
            for each in self.states:
                if (each.hook.url, each.hook.kind, each.hook.streams) == (url, kind, tuple(streams)):
                    raise Conflict(f"this is hook {each.hook.id} already")
            if len(self._deliveries) >= _MOST:
                raise Conflict(f"there are {_MOST} hooks, and no more may be: delete one")
            hook = Hook(
                id=token_hex(4),
                url=url,
                kind=kind,
                secret=secret,
                streams=tuple(streams),
                since=time.time(),
                delivered=self._streams.events.last,
            )
            await self._save(hook)
            return self._begin(hook).state

    def find(self, id: str) -> HookState:
        """Return how a hook is. Raises NotFound."""
        return self._found(id).state

    async def remove(self, id: str) -> None:
        """Send a hook nothing more. Raises NotFound, or StoreError with nothing done."""
        delivery = self._found(id)
        await delivery.stop()
        try:
            await self._store.delete(self._keys + id)
        except StoreError:
            self._begin(delivery.state.hook)
            raise
        self._deliveries.pop(id, None)

    async def test(self, id: str) -> None:
        """Send a hook an event that is none. Raises NotFound, or PeerFailed where it is not taken."""
        at = time.time()
        event = StreamEvent(
            id=0,
            stream="test",
            number=0,
            state="open",
            row=0,
            at=at,
            received_at=at,
            kind="lines",
            what="this is a test of the hook",
            score=0.0,
            bits=0.0,
            why={},
            expected=None,
            low=None,
            high=None,
            muted=False,
        )
        try:
            await self._found(id).test(event)
        except NotSent as error:
            raise PeerFailed(str(error)) from error

    # How they live:

    def _see(self, events: Sequence[StreamEvent]) -> None:
        for delivery in self._deliveries.values():
            delivery.see(events)

    def _begin(self, hook: Hook) -> Delivery:
        why_not = None
        try:
            check_address(hook.url, self._allowed)
        except Refused as error:  # the settings were others when it was made
            why_not = str(error)
        self._http = self._http or open_http()
        delivery = self._deliveries[hook.id] = Delivery(hook, self._streams, self._http, self._save, why_not)
        return delivery

    async def _save(self, hook: Hook) -> None:
        await self._store.put(self._keys + hook.id, hook.seal())

    async def _start_once_possible(self) -> None:
        while True:
            try:
                return await self.start()
            except StoreError as error:
                _logger.error("hooks wait: %s", error)
                await asyncio.sleep(_AGAIN_SECONDS)

    def _check_begun(self) -> None:
        if not self._has_begun:
            raise NotReady("the hooks are being read")

    def _found(self, id: str) -> Delivery:
        self._check_begun()
        if (delivery := self._deliveries.get(id)) is None:
            raise NotFound("there is no such hook")
        return delivery
