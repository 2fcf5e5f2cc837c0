"""The laws of a store, for both kinds, and what each kind does when its place fails."""

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


@pytest.mark.parametrize("value", [b"", b"\x00", bytes(range(256)) * 3, bytes(range(250)) * 80_000], ids=len)
async def test_a_value_comes_back_as_it_was_put(store: Store, value: bytes) -> None:
    await store.put("folder/key", value)
    assert await store.get("folder/key") == value


async def test_a_put_replaces_the_value_before(store: Store) -> None:
    await store.put("key", b"a long first value")
    await store.put("key", b"second")
    assert await store.get("key") == b"second"
    assert await store.keys("") == ["key"]


async def test_a_deleted_key_is_gone_and_can_be_put_again(store: Store) -> None:
    await store.put("a/b/c", b"1")
    await store.delete("a/b/c")
    await store.delete("a/b/c")
    assert await store.get("a/b/c") is None
    assert await store.keys("") == []
    await store.put("a/b/c", b"2")
    assert await store.get("a/b/c") == b"2"


async def test_deleting_a_key_leaves_its_neighbours(store: Store) -> None:
    for key in ("a/b/c", "a/b/d", "a/e"):
        await store.put(key, key.encode())
    await store.delete("a/b/c")
    assert await store.keys("") == ["a/b/d", "a/e"]


async def test_keys_are_those_with_the_prefix_sorted(store: Store) -> None:
    everything = ["a-b", "a/10", "a/2", "a/b/c", "ab", "b", "b.c_D-9/x"]
    for key in reversed(everything):
        await store.put(key, b"")
    assert await store.keys("") == everything
    assert await store.keys("a") == ["a-b", "a/10", "a/2", "a/b/c", "ab"]
    assert await store.keys("a/") == ["a/10", "a/2", "a/b/c"]
    assert await store.keys("a/b") == ["a/b/c"]
    assert await store.keys("b") == ["b", "b.c_D-9/x"]
    assert await store.keys("c/") == []
    assert await store.get("absent") is None


@pytest.mark.parametrize(
    "key",
    ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", ".a", "a b", "a*", "ä", "a\n", "a\0", "a\\b"],
)
async def test_a_bad_key_is_refused(store: Store, key: str) -> None:
    with pytest.raises(ValueError, match="not a store key"):
        await store.put(key, b"")
    with pytest.raises(ValueError, match="not a store key"):
        await store.get(key)
    with pytest.raises(ValueError, match="not a store key"):
        await store.delete(key)


@pytest.mark.parametrize("prefix", ["/", "../", "a/../", "a//", "*", "[a]", "?", "."])
async def test_a_bad_prefix_is_refused(store: Store, prefix: str) -> None:
    with pytest.raises(ValueError, match="not the beginning"):
        await store.keys(prefix)


async def test_what_was_put_outlives_the_store_object(store: Store, store_url: str) -> None:
    await store.put("a/b", b"value")
    again = open_store(store_url)
    await again.ping()
    assert await again.get("a/b") == b"value"
    await again.close()


async def test_puts_and_deletes_at_once_do_not_disturb_each_other(store: Store) -> None:
    values = {f"folder{i % 3}/key{i}": bytes([i]) * 1000 for i in range(30)}
    await asyncio.gather(*(store.put(key, value) for key, value in values.items()))
    await asyncio.gather(
        *(store.delete(key) for key in list(values)[:20]), *(store.put("one", value) for value in values.values())
    )
    assert await store.keys("folder") == sorted(list(values)[20:])
    assert await store.get("one") in values.values()


async def test_a_reader_never_sees_half_a_put(store: Store, store_url: str) -> None:
    values = [bytes([letter]) * 4_000_000 for letter in b"ab"]
    await store.put("key", values[0])

    async def write() -> None:
        for value in values * 5:
            await store.put("key", value)

    reader = open_store(store_url)
    writing = asyncio.create_task(write())
    while not writing.done():
        assert await reader.get("key") in values
    await writing
    await reader.close()


@pytest.mark.parametrize(
    "url",
    [
        *["", "path/only", "http://host/", "unix:///socket", "file:", "file://relative/dir", "file:///dir?x=1"],
        *["redis://", "redis://host/name", "redis://host:port/0", "redis://host:99999/0", "redis://host/0#1"],
        *["redis://:se/cret@host/0", "redis://:secret@@host", "redis://:secret\u2100@host", "redis://:[secret@host"],
    ],
)
def test_a_bad_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  (checked next)
        open_store(url)
    assert "cret" not in str(refused.value)


async def test_a_file_url_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("file:some/data%20here")
    await store.put("key", b"value")
    await store.close()
    assert (tmp_path / "some" / "data here" / "key").read_bytes() == b"value"


async def test_directories_without_keys_are_not_left_behind(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}")
    await store.put("a/b/c", b"")
    await store.put("a/d", b"")
    await store.delete("a/b/c")
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "a", tmp_path / "a" / "d"]
    await store.delete("a/d")
    assert list(tmp_path.iterdir()) == []
    await store.close()


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


async def test_redis_may_be_shared_with_others(redis_server: RedisServer) -> None:
    store = open_store(redis_server.url)
    async with Redis.from_url(redis_server.url) as client:
        for name in (b"key", b"other:key", b"realnet:no key", b"realnet:\xff"):
            await client.set(name, b"")
        await store.put("key", b"")
        assert await store.keys("") == ["key"]
        assert "cmdstat_keys" not in await client.info("commandstats")  # KEYS would block everybody
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
