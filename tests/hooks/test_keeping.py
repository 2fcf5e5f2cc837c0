"""How far hooks have come is kept: in any store, also one in trouble, or put back; and what was dropped is counted."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from service.hooks.hook import Hook
from service.hooks.hooks import Hooks
from service.hooks.webhook import new_secret
from service.store.base import Store, StoreError
from service.store.keys import NetKeys
from service.streams.rows import StreamEvent
from service.streams.streams import Streams
from tests.hooks.receiver import Receiver

pytestmark = pytest.mark.anyio
NET = "net"


class Living:
    """Streams and hooks without a net."""

    def __init__(self, store: Store) -> None:
        self.streams = Streams(store, NET, most=10, most_bytes=2**20, writes=True)
        self.hooks = Hooks(store, NET, self.streams, {"127.0.0.1"})

    @classmethod
    @asynccontextmanager
    async def on(cls, store: Store) -> AsyncIterator["Living"]:
        living = cls(store)
        await living.streams.open()
        await living.hooks.start()
        yield living
        await living.hooks.stop()
        await living.streams.stop()

    def tell(self, count: int) -> None:
        events = self.streams.events
        for _ in range(count):
            record = events.record + 1
            event = StreamEvent(
                0, "cpu", record, "open", record, None, 1e9, "a line", 0.9, 20.0, {}, None, None, None, False, "lines"
            )
            events.add(record, [event])


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_many_are_sent_in_messages_of_a_hundred_and_only_once(store: Store, receiver: Receiver) -> None:
    with receiver.up():
        async with Living.on(store) as living:
            await living.hooks.add(receiver.url, "webhook", new_secret(), [])
            living.tell(250)
            await until(lambda: len(receiver.ids) == 250)
            await until(lambda: living.hooks.states[0].hook.delivered == 250)
        async with Living.on(store) as living:
            living.tell(1)
            await until(lambda: len(receiver.ids) == 251)
    assert receiver.ids == list(range(1, 252))
    assert [len(got.events) for got in receiver.got] == [100, 100, 50, 1]


async def test_what_was_sent_before_an_orderly_end_is_not_sent_again(
    store: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, is_held, held = store.put, False, asyncio.Event()

    async def put_or_hold(key: str, value: bytes) -> None:
        nonlocal is_held
        if is_held and key.startswith(NetKeys(NET).hooks):
            is_held = False
            held.set()
            await asyncio.Event().wait()
        await put(key, value)

    monkeypatch.setattr(store, "put", put_or_hold)
    with receiver.up():
        async with Living.on(store) as living:
            await living.hooks.add(receiver.url, "webhook", new_secret(), [])
            is_held = True
            living.tell(1)
            await held.wait()
        async with Living.on(store) as living:
            living.tell(1)
            await until(lambda: receiver.ids[-1] == 2)
    assert receiver.ids == [1, 2]


async def test_what_is_kept_no_longer_is_counted(
    store: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("service.streams.event_log.KEPT", 512)
    async with Living.on(store) as living:
        state = await living.hooks.add(receiver.url, "webhook", new_secret(), [])
        for _ in range(8):
            living.tell(256)
            await living.streams.events.save()
        await until(lambda: living.hooks.states[0].failures)
        with receiver.up():
            await living.hooks.test(state.hook.id)
            await until(lambda: receiver.ids and receiver.ids[-1] == 2048)
            await until(lambda: living.hooks.states[0].waiting == 0)
        sent = receiver.ids[1:]  # without the test
        lost = living.hooks.states[0].hook.lost
        assert lost == 2048 - len(sent) > 256
        assert sent[-512:] == list(range(2048 - 512 + 1, 2049))
    assert f"was never sent {lost} events" in caplog.text
    async with Living.on(store) as living:
        assert living.hooks.states[0].hook.lost == lost


async def test_a_store_that_was_put_back_gives_its_ids_again(store: Store, receiver: Receiver) -> None:
    hook = Hook(
        id="1", url=receiver.url, kind="webhook", secret=new_secret(), streams=(), since=1.0, delivered=40, lost=0
    )
    await store.put(NetKeys(NET).hooks + "1", hook.seal())
    with receiver.up():
        async with Living.on(store) as living:
            living.tell(3)
            await until(lambda: receiver.ids == [1, 2, 3])


async def test_a_damaged_hook_is_left_out_and_the_others_are_served(
    store: Store, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    async with Living.on(store) as living:
        await living.hooks.add(receiver.url, "webhook", new_secret(), [])
    await store.put(NetKeys(NET).hooks + "damaged", b"{}\nnothing")
    with receiver.up():
        async with Living.on(store) as living:
            living.tell(1)
            await until(lambda: receiver.ids == [1])
    assert "hook damaged is left out: the manifest has the wrong checksum" in caplog.text


async def test_a_store_in_trouble_has_nothing_sent_twice(
    store: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    put, refused = store.put, 0

    async def put_unless_refused(key: str, value: bytes) -> None:
        nonlocal refused
        if refused and key.startswith(NetKeys(NET).hooks):
            refused -= 1
            raise StoreError("the disk is full")
        await put(key, value)

    monkeypatch.setattr(store, "put", put_unless_refused)
    with receiver.up():
        async with Living.on(store) as living:
            state = await living.hooks.add(receiver.url, "webhook", new_secret(), [])
            refused = 1
            living.tell(1)
            await until(lambda: living.hooks.states[0].error == "the disk is full")
            await living.hooks.test(state.hook.id)
            await until(lambda: living.hooks.states[0].state == "ok")
        async with Living.on(store) as living:
            assert living.hooks.states[0].hook.delivered == 1
    assert receiver.ids == [1, 0]
