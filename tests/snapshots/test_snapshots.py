"""What a catalog promises: snapshots come back as saved, ids are given once, the newest are kept."""

import asyncio
import hashlib
import json
from datetime import UTC, datetime

import pytest

from service.errors import Conflict, NotFound
from service.snapshots.catalog import SnapshotCatalog
from service.snapshots.snapshot import SnapshotDamaged
from service.store.base import Store
from tests.snapshots.catalogs import NEW, OLD, open_catalog, save

pytestmark = pytest.mark.anyio


async def test_a_snapshot_is_listed_and_read_as_it_was_saved(store: Store) -> None:
    catalog = open_catalog(store)
    before = datetime.now(UTC)
    snapshot = await catalog.save(NEW, tick=7, state_sha256="5" * 64)
    assert before <= snapshot.created_at <= datetime.now(UTC)
    assert snapshot.model_dump(mode="json") == {
        "id": "00000001",
        "tick": 7,
        "created_at": snapshot.created_at.isoformat().replace("+00:00", "Z"),
        "bytes": len(NEW),
        "sha256": hashlib.sha256(NEW).hexdigest(),
        "state_sha256": "5" * 64,
        "job": None,
        "kept": False,
        "name": None,
    }
    assert await catalog.get(snapshot.id) == snapshot
    assert await catalog.list() == [snapshot]
    assert await catalog.read(snapshot.id) == NEW
    assert [chunk async for chunk in catalog.chunks(snapshot.id)] == [NEW[:12], NEW[12:24], NEW[24:]]
    assert await catalog.newest_good() == ((snapshot, NEW), [])


@pytest.mark.parametrize(("size", "chunks"), [(0, 0), (12, 1), (13, 2)])
async def test_a_snapshot_of_any_size_has_as_many_chunks_as_it_needs(store: Store, size: int, chunks: int) -> None:
    catalog = open_catalog(store)
    id = await save(catalog, bytes(size))
    assert await catalog.read(id) == bytes(size)
    assert len(await store.keys("default/snapshots/")) == chunks


async def test_a_chunk_is_at_most_16_mebibytes(store: Store) -> None:
    data = bytes(16 * 2**20) + b"more"
    catalog = SnapshotCatalog(store, 1, "default", most_kept=9)
    id = await save(catalog, data)
    assert [len(chunk) async for chunk in catalog.chunks(id)] == [16 * 2**20, 4]


async def test_an_empty_catalog_has_nothing(store: Store) -> None:
    catalog = open_catalog(store)
    assert await catalog.list() == []
    assert await catalog.newest_good() == (None, [])
    assert await catalog.sweep() == 0


async def test_catalogs_of_two_names_do_not_see_each_other(store: Store) -> None:
    first, second = open_catalog(store, 1, "first"), open_catalog(store, 1, "second")
    id = await save(first, OLD)
    assert await second.list() == []
    assert await save(second, NEW) == id
    assert await second.sweep() == 0
    assert await first.read(id) == OLD


async def test_the_newest_snapshots_are_kept(store: Store) -> None:
    catalog = open_catalog(store, retention=2)
    ids = [await save(catalog, NEW, tick) for tick in range(4)]
    assert ids == ["00000001", "00000002", "00000003", "00000004"]
    assert [(snapshot.id, snapshot.tick) for snapshot in await catalog.list()] == [(ids[2], 2), (ids[3], 3)]
    assert {key.split("/")[2] for key in await store.keys("default/snapshots/")} == set(ids[2:])


async def test_what_a_user_keeps_outlives_the_newest(store: Store) -> None:
    catalog = open_catalog(store, retention=2)
    mine = await catalog.save(OLD, 0, "", kept=True, name="before the exam")
    assert (mine.kept, mine.name) == (True, "before the exam")
    ids = [await save(catalog, NEW, tick) for tick in range(4)]
    assert [each.id for each in await catalog.list()] == [mine.id, *ids[2:]]
    assert await catalog.get(mine.id) == mine
    assert await catalog.read(mine.id) == OLD
    pinned = await catalog.change(ids[2], kept=True)
    assert (pinned.kept, pinned.name) == (True, None)
    assert (await catalog.change(mine.id, kept=False)).name == "before the exam"
    ids.append(await save(catalog, NEW))
    assert [each.id for each in await open_catalog(store, retention=2).list()] == ids[2:]
    assert await catalog.read(ids[2]) == NEW


async def test_no_more_may_be_kept_than_the_bound(store: Store) -> None:
    catalog = SnapshotCatalog(store, 5, "default", most_kept=2)
    first, second = [await catalog.save(OLD, 0, "", kept=True) for _ in range(2)]
    other = await catalog.save(OLD, 0, "")
    before = await store.keys("")
    for more in (catalog.save(NEW, 0, "", kept=True), catalog.change(other.id, kept=True)):
        with pytest.raises(Conflict, match="2 snapshots are kept"):
            await more
    assert await store.keys("") == before
    assert (await catalog.change(first.id, kept=True, name="it was before")).kept
    await catalog.delete(second.id)
    assert (await catalog.change(other.id, kept=True)).kept


async def test_what_is_changed_is_still_whole_and_that_of_a_job_may_be_kept(store: Store) -> None:
    catalog = open_catalog(store, retention=1)
    own = await save(catalog, OLD)
    of_job = await catalog.save(NEW, 0, "", job="00000001")
    await catalog.change(of_job.id, kept=True)
    for _ in range(4):
        await catalog.save(NEW, 0, "", job="00000001")
    assert (await catalog.get(of_job.id)).job == "00000001"
    found, damaged = await catalog.newest_good()
    assert found is not None
    assert (found[0].id, damaged) == (own, [])
    with pytest.raises(NotFound):
        await catalog.change("00000099", kept=True)


async def test_the_manifest_of_before_there_were_names_is_read(store: Store) -> None:
    catalog = open_catalog(store)
    id = (await catalog.save(NEW, 0, "", position=7)).id
    manifest = json.loads((await store.get(f"default/manifests/{id}") or b"").split(b"\n")[0])
    assert manifest["place"] == 7
    del manifest["kept"], manifest["name"]
    body = json.dumps(manifest).encode()
    await store.put(f"default/manifests/{id}", body + b"\n" + hashlib.sha256(body).hexdigest().encode())
    assert not (await catalog.get(id)).kept
    assert (await catalog.change(id, name="old")).name == "old"
    assert await catalog.read(id) == NEW


async def test_the_journal_is_needed_from_the_newest_on_not_from_what_users_keep(store: Store) -> None:
    catalog = open_catalog(store, retention=2)
    await catalog.save(OLD, 0, "", position=3, kept=True)
    assert await catalog.oldest_position() is None
    for position in (5, 7, 9):
        await catalog.save(OLD, 0, "", position=position)
    assert await catalog.oldest_position() == 7
    await catalog.save(OLD, 0, "", position=11, kept=True)
    assert await catalog.oldest_position() == 9


@pytest.mark.parametrize("retention", [0, -1])
async def test_a_catalog_keeps_at_least_one(store: Store, retention: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        SnapshotCatalog(store, retention, "default", most_kept=9)


async def test_saves_at_once_all_survive(store: Store) -> None:
    catalog = open_catalog(store)
    data = [OLD, NEW, b"", b"4"]
    ids = await asyncio.gather(*(save(catalog, each) for each in data))
    assert len(set(ids)) == 4
    assert [await catalog.read(id) for id in ids] == data
    assert [snapshot.id for snapshot in await catalog.list()] == sorted(ids)


async def test_a_deleted_snapshot_is_gone_and_its_id_is_not_given_again(store: Store) -> None:
    catalog = open_catalog(store)
    first, second = await save(catalog, OLD), await save(catalog, NEW)
    await catalog.delete(second)
    with pytest.raises(NotFound):
        await catalog.read(second)
    with pytest.raises(NotFound):
        await catalog.delete(second)
    assert [snapshot.id for snapshot in await catalog.list()] == [first]
    assert not [key for key in await store.keys("default/") if second in key]
    assert await save(open_catalog(store), NEW) == "00000003"  # by the server that comes after


@pytest.mark.parametrize("left", ["snapshots/00000041/chunk-00000", "manifests/00000041"])
async def test_the_id_of_what_a_crash_left_is_not_given_again(store: Store, left: str) -> None:
    await store.put(f"default/{left}", b"left")
    assert await save(open_catalog(store), NEW) == "00000042"


async def test_a_damaged_last_id_is_no_hindrance(store: Store) -> None:
    catalog = open_catalog(store)
    await save(catalog, OLD)
    await store.put("default/last-snapshot-id", b"0000\xff")
    assert await save(catalog, NEW) == "00000002"


async def test_sweep_removes_chunks_without_a_manifest_and_nothing_else(store: Store) -> None:
    catalog = open_catalog(store)
    id = await save(catalog, NEW)
    for index in range(3):
        await store.put(f"default/snapshots/00000002/chunk-{index:05d}", b"left by a crash")
    assert await catalog.sweep() == 3
    assert await catalog.sweep() == 0
    assert await catalog.read(id) == NEW


@pytest.mark.parametrize(
    "id", ["", "1", "00000002", "000000001", "0000000\u0661", "00000001\n", "../00000001", "a" * 10_000]
)
async def test_an_id_of_no_snapshot_is_not_found(store: Store, id: str) -> None:
    catalog = open_catalog(store)
    await save(catalog, NEW)
    with pytest.raises(NotFound):
        await catalog.get(id)
    with pytest.raises(NotFound):
        await catalog.read(id)
    with pytest.raises(NotFound):
        await anext(catalog.chunks(id))
    with pytest.raises(NotFound):
        await catalog.delete(id)
    assert len(await catalog.list()) == 1


async def test_a_damaged_manifest_does_not_push_out_a_good_snapshot(store: Store, old_and_new: SnapshotCatalog) -> None:
    await store.put("default/manifests/00000002", b"damaged")
    catalog = open_catalog(store, retention=2)
    third = await save(catalog, NEW)
    assert [snapshot.id for snapshot in await catalog.list()] == ["00000001", third]
    fourth = await save(catalog, NEW)
    assert [snapshot.id for snapshot in await catalog.list()] == [third, fourth]
    assert not [key for key in await store.keys("default/") if "00000002" in key]  # it goes with those before it


async def test_a_damaged_snapshot_can_be_deleted(store: Store, old_and_new: SnapshotCatalog) -> None:
    await store.put("default/manifests/00000002", b"damaged")
    await old_and_new.delete("00000002")
    assert not [key for key in await store.keys("default/") if "00000002" in key.removeprefix("default/")]
    assert (await old_and_new.newest_good())[1] == []


async def test_a_snapshot_deleted_while_it_is_streamed_ends_as_damaged(old_and_new: SnapshotCatalog) -> None:
    chunks = old_and_new.chunks("00000002")
    assert await anext(chunks) == NEW[:12]
    await old_and_new.delete("00000002")
    with pytest.raises(SnapshotDamaged, match="chunk 1 is missing"):
        await anext(chunks)
