"""A store whose place fails raises one clear error in time, and loses nothing."""

import asyncio
import os
import resource
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from redis.asyncio import Redis

import service.store.file
import service.store.redis
from service.store import open_lock, open_log, open_store
from service.store.base import Store, StoreError
from tests.redis_server import RedisServer

pytestmark = pytest.mark.anyio

CALLS: dict[str, Callable[[Store], Awaitable[object]]] = {
    "put": lambda store: store.put("a/b", b"value"),
    "get": lambda store: store.get("a/b"),
    "delete": lambda store: store.delete("a/b"),
    "keys": lambda store: store.keys("a/"),
    "ping": lambda store: store.ping(),
}


@pytest.mark.parametrize("call", CALLS)
async def test_a_directory_that_cannot_be_gives_a_store_error(tmp_path: Path, call: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = open_store(f"file://{tmp_path}/file/store")
    with pytest.raises(StoreError) as error:
        await CALLS[call](store)
    assert_one_line_with(str(tmp_path / "file"), error.value)
    await store.close()


async def test_a_full_disk_gives_a_store_error_and_leaves_what_was(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}")
    await store.put("a/key", b"before")
    with largest_file(100_000), pytest.raises(StoreError) as error:
        await store.put("a/key", bytes(200_000))
    assert_one_line_with(str(tmp_path), error.value)
    assert await store.get("a/key") == b"before"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["key"]
    await store.put("a/key", bytes(200_000))
    assert await store.get("a/key") == bytes(200_000)
    await store.close()


async def test_a_stuck_disk_gives_a_store_error_and_keeps_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(f"file://{tmp_path}")
    os.mkfifo(tmp_path / "stuck")  # reading it waits until somebody writes
    monkeypatch.setattr(service.store.file, "CALL_SECONDS", 0.1)
    with pytest.raises(StoreError) as error:
        await store.get("stuck")
    assert_one_line_with(str(tmp_path), error.value)
    with pytest.raises(StoreError):
        await store.ping()
    monkeypatch.undo()
    later = asyncio.create_task(store.put("key", b"value"))
    (tmp_path / "stuck").write_bytes(b"")
    await later
    assert await store.get("key") == b"value"
    await store.close()


@pytest.mark.parametrize("call", CALLS)
async def test_a_dead_redis_gives_a_store_error_and_works_again_when_it_is_back(
    redis_server: RedisServer, call: str
) -> None:
    store = open_store(redis_server.url)
    await store.put("kept", b"value")
    redis_server.kill()
    for _ in range(2):  # with the connection that was cut, and without any
        with pytest.raises(StoreError) as error:
            await CALLS[call](store)
        assert_one_line_with(f"127.0.0.1:{redis_server.port}", error.value)
    redis_server.start()
    await CALLS[call](store)
    assert await store.get("kept") == b"value"
    await store.close()


async def test_a_restart_of_redis_between_two_calls_is_not_noticed(redis_server: RedisServer) -> None:
    store = open_store(redis_server.url)
    await store.put("kept", b"value")
    redis_server.kill()
    redis_server.start()
    assert await store.get("kept") == b"value"
    await store.close()


async def test_a_call_that_is_cancelled_as_the_answer_comes_is_cancelled(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = service.store.redis.RedisStore(redis_server.url)

    async def overlooks_it(key: str) -> bytes:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return b"the answer"

    monkeypatch.setattr(store._client, "get", overlooks_it)
    getting = asyncio.create_task(store.get("key"))
    await asyncio.sleep(0)
    getting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await getting
    await store.close()


@pytest.mark.parametrize("call", CALLS)
async def test_a_stalled_redis_gives_a_store_error_in_time(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    store = open_store(redis_server.url)
    await store.put("kept", b"value")
    redis_server.stall()
    monkeypatch.setattr(service.store.redis, "CALL_SECONDS", 0.1)
    async with asyncio.timeout(1):
        with pytest.raises(StoreError) as error:
            await CALLS[call](store)
    assert_one_line_with("no answer within 0.1 s", error.value)
    monkeypatch.undo()
    redis_server.resume()
    assert await store.get("kept") == b"value"
    await store.close()


async def test_a_full_redis_gives_a_store_error_and_leaves_what_was(redis_server: RedisServer) -> None:
    store = open_store(redis_server.url)
    await store.put("kept", b"value")
    async with Redis.from_url(redis_server.url) as client:
        await client.config_set("maxmemory", 1)
        with pytest.raises(StoreError, match="maxmemory"):
            await store.put("kept", b"other")
        assert await store.get("kept") == b"value"
        await client.config_set("maxmemory", 0)
    await store.put("kept", b"other")
    assert await store.get("kept") == b"other"
    await store.close()


async def test_the_password_is_never_in_an_error(redis_server: RedisServer) -> None:
    store = open_store(f"redis://user:se%2Fcret@127.0.0.1:{redis_server.port}/0")
    with pytest.raises(StoreError) as refused:
        await store.ping()
    redis_server.kill()
    with pytest.raises(StoreError) as dead:
        await store.ping()
    for error in (refused.value, dead.value):
        assert_one_line_with(f"127.0.0.1:{redis_server.port}", error)
        assert "cret" not in str(error)
    await store.close()


async def test_a_key_of_another_type_is_named(redis_server: RedisServer) -> None:
    store, lock = open_store(redis_server.url), open_lock(redis_server.url)
    log = open_log(redis_server.url, "net/journal")
    names = ["realnet:net/value", "realnet:.lease", "realnet:net/journal"]
    async with Redis.from_url(redis_server.url) as client:
        for name in names:
            await client.sadd(name, "a member")
    calls = [store.get("net/value"), lock.take(), asyncio.to_thread(log.append, 1, b"one", True)]
    for name, call in zip(names, calls, strict=True):
        with pytest.raises(StoreError) as raised:
            await call
        assert_one_line_with(f"127.0.0.1:{redis_server.port}/0, key {name}: WRONGTYPE", raised.value)
    await store.close()
    await lock.release()
    log.close()


def assert_one_line_with(place: str, error: StoreError) -> None:
    assert place in str(error)
    assert "\n" not in str(error)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """A write beyond `size` bytes fails, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
