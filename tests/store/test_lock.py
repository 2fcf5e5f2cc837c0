"""A store belongs to one server at a time, and goes to the next as soon as that is certain."""

import asyncio
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from service.store import open_lock, open_log, open_store, redis_lock
from service.store.base import StoreError, StoreLost
from service.store.keys import REDIS_LEASE, REDIS_OWNER
from tests.redis_server import RedisServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[Redis]:
    client = Redis.from_url(redis_server.url)
    yield client
    client.close()


async def test_a_lock_that_was_let_go_is_taken_at_once(store_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        lock = open_lock(store_url)
        await lock.take()
        await lock.release()
    assert caplog.text == ""


async def test_nobody_gets_a_directory_that_is_in_use(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/new/store"
    first, second = open_lock(url), open_lock(url)
    await first.take()
    for _ in range(2):
        with pytest.raises(StoreError, match="new/store is in use by another server"):
            await second.take()
    await first.release()
    await second.take()
    await second.release()


async def test_a_lock_that_was_removed_is_seen_and_taken_again(tmp_path: Path) -> None:
    lock, other = (open_lock(f"file://{tmp_path}/store") for _ in range(2))
    await lock.take()
    lock.check()
    shutil.rmtree(tmp_path / "store")
    with pytest.raises(StoreLost, match=r"the store was taken away: .*/\.lock is gone"):
        lock.check()
    assert lock.lost is None
    with pytest.raises(StoreError, match="is in use by another server"):
        await other.take()
    with pytest.raises(StoreLost):  # what was in it is gone, though
        lock.check()
    await lock.release()


async def test_a_lock_that_another_server_has_got_is_lost(tmp_path: Path) -> None:
    lock, other = (open_lock(f"file://{tmp_path}") for _ in range(2))
    await lock.take()
    (tmp_path / ".lock").unlink()
    await other.take()
    with pytest.raises(StoreLost, match="is another file now"):
        lock.check()
    assert lock.lost is not None
    other.check()
    for each in (lock, other):
        await each.release()


async def hold(client: Redis, url: str, process: int) -> None:
    """As if that process of this machine had taken it, and never let go."""
    lock = open_lock(url)
    await lock.take()
    system, _, _ = client.get(REDIS_LEASE).decode().rpartition(" ")  # type: ignore[union-attr]
    await lock.release()
    client.set(REDIS_LEASE, f"{system} {process}", px=60_000)


async def test_the_lease_of_a_process_that_lives_is_not_waited_for(
    client: Redis, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    await hold(client, redis_server.url, os.getppid())
    lock = open_lock(redis_server.url)
    with pytest.raises(StoreError, match="is in use by another server"):
        await lock.take()
    await lock.release()
    assert client.exists(REDIS_LEASE)
    assert caplog.text == ""


async def test_the_lease_of_a_process_that_was_killed_counts_for_nothing(
    client: Redis, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for process in (ended.pid, os.getpid()):  # in a container that is started again it has the same number
        await hold(client, redis_server.url, process)
        lock = open_lock(redis_server.url)
        await lock.take()
        await lock.release()
    assert caplog.text == ""


async def test_the_lease_of_another_machine_is_waited_for(
    client: Redis, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(redis_lock, "_LOOK_SECONDS", 0.01)
    client.set(REDIS_LEASE, "elsewhere 1", px=200)
    lock = open_lock(redis_server.url)
    await lock.take()
    assert "was in use until now: waiting" in caplog.text
    await lock.release()
    for name in ("LEASE_SECONDS", "_RENEW_SECONDS"):
        monkeypatch.setattr(redis_lock, name, 0.1)
    client.set(REDIS_LEASE, "elsewhere 1")  # and renewed for ever
    lock = open_lock(redis_server.url)
    with pytest.raises(StoreError, match="is in use by another server"):
        await lock.take()
    await lock.release()


async def test_a_lease_is_renewed_also_by_a_redis_that_has_lost_it(
    client: Redis, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_lock, "_RENEW_SECONDS", 0.01)
    lock = open_lock(redis_server.url)
    await lock.take()
    losses: list[Callable[[], object]] = [lambda: client.delete(REDIS_LEASE), client.flushall]
    for lose in losses:
        lose()
        while not client.exists(REDIS_LEASE):
            await asyncio.sleep(0.005)
        assert client.get(REDIS_OWNER) == lock.fence[REDIS_OWNER].encode()
    assert lock.lost is None
    await lock.release()


async def test_whose_store_was_taken_over_changes_nothing_of_it(client: Redis, redis_server: RedisServer) -> None:
    locks = [open_lock(redis_server.url) for _ in range(2)]
    store, log = open_store(redis_server.url, locks[0]), open_log(redis_server.url, "net/journal", locks[0])
    with pytest.raises(StoreError, match="this server has the store no longer"):  # nor has it yet
        await store.put("a/b", b"early")
    await locks[0].take()
    await store.put("a/b", b"value")
    await store.put("a/large", bytes(2**17))
    log.append(1, b"one", durable=True)
    await locks[1].take()
    before = {key: client.dump(key) for key in client.scan_iter("realnet:[^.]*")}
    assert len(before) == 3
    for write in (
        lambda: store.put("a/b", b"late"),
        lambda: store.put("a/large", bytes(2**18)),
        lambda: store.delete("a/b"),
        lambda: store.swap("a/b", b"value", b"late"),
        lambda: asyncio.to_thread(log.cut, "1-1", 1),
        lambda: asyncio.to_thread(log.clear),
    ):
        with pytest.raises(StoreError, match=r"this server has the store no longer|has taken redis.* over"):
            await write()
    assert await store.get("a/b") == b"value"
    assert {key: client.dump(key) for key in client.scan_iter("realnet:[^.]*")} == before
    for lock in locks:
        await lock.release()
    await store.close()
    log.close()


async def test_whose_store_was_taken_over_learns_of_it_and_writes_no_more(
    client: Redis, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_lock, "_RENEW_SECONDS", 0.01)
    locks = [open_lock(redis_server.url) for _ in range(2)]
    logs = [open_log(redis_server.url, "net/journal", lock) for lock in locks]
    await locks[0].take()
    logs[0].append(1, b"one", durable=True)
    await locks[1].take()
    with pytest.raises(StoreError, match="this server has the store no longer"):
        logs[0].append(2, b"lost", durable=True)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"another server has taken redis.* over"):
            logs[0].repair()
    logs[1].append(2, b"two", durable=True)
    with pytest.raises(StoreError):
        logs[0].trim(100)
    assert b"".join(block.data for block in logs[1].read()) == b"onetwo"
    while locks[0].lost is None:
        await asyncio.sleep(0.005)
    assert "another server has taken redis" in locks[0].lost
    with pytest.raises(StoreLost, match="another server has taken redis"):
        logs[0].check()
    logs[1].check()
    await locks[0].release()
    assert client.exists(REDIS_LEASE)  # it is the other's
    assert locks[1].lost is None
    await locks[1].release()
    for log in logs:
        log.close()
