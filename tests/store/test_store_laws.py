"""The laws of a store, for both kinds, and what only one kind promises."""

import asyncio
from pathlib import Path

import pytest
from redis.asyncio import Redis

from service.store import open_store
from service.store.base import Store
from tests.redis_server import RedisServer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("value", [b"", b"\x00", bytes(range(256)) * 3, bytes(range(250)) * 80_000], ids=len)
async def test_a_value_comes_back_as_it_was_put(store: Store, value: bytes) -> None:
    await store.put("folder/key", value)
    assert await store.get("folder/key") == value


async def test_values_come_back_together(store: Store) -> None:
    await store.put("a/b", b"1")
    await store.put("c", b"")
    assert await store.get_all(["c", "a/d", "a/b", "c"]) == [b"", None, b"1", b""]
    assert await store.get_all([]) == []
    with pytest.raises(ValueError, match="not a store key"):
        await store.get_all(["c", "a/"])


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


async def test_a_value_is_swapped_only_if_it_is_the_one_that_it_is_thought_to_be(store: Store) -> None:
    assert not await store.swap("a/b", b"old", b"new")
    await store.put("a/b", b"old")
    assert not await store.swap("a/b", b"other", b"new")
    assert await store.swap("a/b", b"old", b"new")
    assert not await store.swap("a/b", b"old", None)
    assert await store.get("a/b") == b"new"
    assert await store.swap("a/b", b"new", None)
    assert await store.keys("") == []
    with pytest.raises(ValueError, match="not a store key"):
        await store.swap("a/", b"old", b"new")


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


async def test_what_a_kill_left_of_a_put_goes_with_the_next_put(tmp_path: Path) -> None:
    leftover = tmp_path / "a" / ".put-x"
    leftover.parent.mkdir()
    leftover.touch()
    store = open_store(f"file://{tmp_path}")
    await store.put("b/c", b"")
    await store.put("a/b", b"")
    assert not leftover.exists()
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
