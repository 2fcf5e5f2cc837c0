"""A snapshot is whole or not there: a save interrupted at every step, on both stores."""

import asyncio
import itertools
import multiprocessing
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from service.snapshots.snapshot import SnapshotDamaged
from service.store import open_store
from service.store.base import Store, StoreError
from service.store.file import FileStore
from tests.faults.story import IS_SHORT
from tests.redis_server import RedisServer
from tests.snapshots.catalogs import NEW, OLD, open_catalog, save
from tests.store.interrupted import Fault, Interrupted, cancel, lose_the_reply, refuse

pytestmark = pytest.mark.anyio

T = TypeVar("T")


async def assert_whole(store: Store, name: str, acknowledged: str | None) -> None:
    """What holds when a server starts on what an interrupted save of NEW over OLD has left, at retention 1."""
    catalog = open_catalog(store, 1, name)
    await catalog.sweep()
    ids = [snapshot.id for snapshot in await catalog.list()]
    assert ids in (["00000001"], ["00000001", "00000002"], ["00000002"])
    assert acknowledged in (None, ids[-1])
    for id in ids:
        assert await catalog.read(id) == {"00000001": OLD, "00000002": NEW}[id]
    found, damaged = await catalog.newest_good()
    assert found is not None
    assert found[0].id == ids[-1]
    assert damaged == []
    chunks = [key.split("/")[2] for key in await store.keys(f"{name}/snapshots/")]
    assert sorted(set(chunks)) == ids
    assert len(chunks) == sum({"00000001": 2, "00000002": 3}[id] for id in ids)
    after = await save(catalog, b"after")
    assert after > ids[-1]
    assert await catalog.read(after) == b"after"
    assert [snapshot.id for snapshot in await catalog.list()] == [after]


@pytest.mark.parametrize("lasts", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("fault", [refuse, lose_the_reply, cancel])
async def test_a_save_interrupted_at_any_operation_is_whole_or_not_there(
    store: Store, fault: Fault, lasts: bool
) -> None:
    for at in itertools.count(1):
        name = f"net-{at}"
        await save(open_catalog(store, 1, name), OLD)
        interrupted = Interrupted(store, at, fault, lasts)
        saving = asyncio.create_task(save(open_catalog(interrupted, 1, name), NEW))
        await asyncio.wait([saving])
        saved = None if saving.cancelled() or isinstance(saving.exception(), StoreError) else saving.result()
        await assert_whole(store, name, saved)
        if interrupted.operations < at:
            assert saved is not None
            assert at > 15  # the fault was tried at every operation of a whole save
            break


async def test_redis_killed_at_any_operation_of_a_save_leaves_it_whole_or_not_there(redis_server: RedisServer) -> None:
    async def kill(operation: Coroutine[Any, Any, T]) -> T:
        running = asyncio.create_task(operation)
        await asyncio.sleep(0)  # let it begin
        redis_server.kill()
        return await running

    store = open_store(redis_server.url)
    for at in itertools.count(1):
        name = f"net-{at}"
        await save(open_catalog(store, 1, name), OLD)
        interrupted = Interrupted(store, at, kill)
        try:
            saved = await save(open_catalog(interrupted, 1, name), NEW)
        except StoreError:
            saved = None
        if interrupted.operations < at:
            break
        redis_server.start()
        await assert_whole(store, name, saved)
    assert at > 15
    await store.close()


def save_and_die(directory: str, at: int) -> None:
    """In a process of its own: save NEW, with SIGKILL just before the `at`-th touch of the directory."""
    touches = 0

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal touches
        if arguments and str(arguments[0]).startswith(directory):
            touches += 1
            if touches == at:
                os.kill(os.getpid(), signal.SIGKILL)

    async def run() -> None:
        store = open_store(f"file://{directory}")
        await save(open_catalog(store, retention=1), NEW)
        await store.close()

    sys.addaudithook(count)
    asyncio.run(run())


async def test_a_server_killed_at_any_file_operation_of_a_save_leaves_it_whole_or_not_there(tmp_path: Path) -> None:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    for at in itertools.count(1, 2 if IS_SHORT else 1):
        directory = tmp_path / str(at)
        store = open_store(f"file://{directory}")
        await save(open_catalog(store), OLD)
        await store.close()
        process = processes.Process(target=save_and_die, args=(str(directory), at))
        process.start()
        process.join()
        store = open_store(f"file://{directory}")
        await assert_whole(store, "default", None)
        await store.close()
        assert not list(directory.rglob(".*"))  # what a killed put leaves is removed by the next
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
    assert at > 50


FLIP = 11  # the operation: after the last id, two listings, the next id, and three chunks written and read


async def test_a_save_that_fails_before_the_flip_leaves_no_chunks(store: Store) -> None:
    """They would stay on a disk that may be full already."""
    await save(open_catalog(store), OLD)
    before = await store.keys("default/snapshots/")
    for at in range(1, FLIP):
        with pytest.raises(StoreError, match="refused"):
            await save(open_catalog(Interrupted(store, at, refuse)), NEW)
        assert await store.keys("default/snapshots/") == before


async def test_a_save_that_fails_after_the_flip_is_acknowledged(store: Store) -> None:
    """The snapshot is safe; only older ones are left for the next save to delete."""
    await save(open_catalog(store, retention=1), OLD)
    broken = Interrupted(store, FLIP + 1, refuse, lasts=True)
    saved = await save(open_catalog(broken, retention=1), NEW)
    assert broken.operations > FLIP
    assert [snapshot.id for snapshot in await open_catalog(store).list()] == ["00000001", saved]


class ForgetfulStore(FileStore):
    async def put(self, key: str, value: bytes) -> None:
        await super().put(key, value[:-1] if key.endswith("chunk-00001") else value)


async def test_what_the_store_does_not_give_back_as_written_never_becomes_visible(tmp_path: Path) -> None:
    store = ForgetfulStore(tmp_path)
    catalog = open_catalog(store)
    with pytest.raises(SnapshotDamaged, match="chunk 1 has 11 bytes, not 12"):
        await save(catalog, NEW)
    assert await catalog.list() == []
    assert await store.keys("default/snapshots/") == []
    await store.close()
