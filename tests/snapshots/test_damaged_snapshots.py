"""A damaged snapshot is found, whichever part is damaged, on both stores."""

import hashlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.snapshots.catalog import SnapshotCatalog
from service.snapshots.snapshot import SnapshotDamaged
from service.store import open_store
from service.store.base import Store, StoreError
from tests.redis_server import RedisServer
from tests.snapshots.catalogs import NEW, OLD, open_catalog, save

pytestmark = pytest.mark.anyio


async def collect(chunks: AsyncIterator[bytes], into: bytearray) -> None:
    async for chunk in chunks:
        into += chunk


async def assert_new_is_damaged(catalog: SnapshotCatalog) -> None:
    with pytest.raises(SnapshotDamaged) as damage:
        await catalog.read("00000002")
    handed_on = bytearray()
    with pytest.raises(SnapshotDamaged):
        await collect(catalog.chunks("00000002"), handed_on)
    assert NEW.startswith(handed_on)
    found, damaged = await catalog.newest_good()
    assert found is not None
    assert (found[0].id, found[1]) == ("00000001", OLD)
    assert [(each.id, each.what) for each in damaged] == [("00000002", damage.value.what)]


PARTS = [*(f"default/snapshots/00000002/chunk-{index:05d}" for index in range(3)), "default/manifests/00000002"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part=st.sampled_from(PARTS), place=st.floats(0, 1, exclude_max=True), cut=st.booleans())
async def test_any_part_cut_or_with_a_bit_flipped_is_found(
    store: Store, old_and_new: SnapshotCatalog, part: str, place: float, cut: bool
) -> None:
    whole = await store.get(part)
    assert whole is not None
    bit = int(place * len(whole) * 8)
    flipped = bytearray(whole)
    flipped[bit // 8] ^= 1 << bit % 8
    await store.put(part, whole[: bit // 8] if cut else bytes(flipped))
    await assert_new_is_damaged(old_and_new)
    assert [snapshot.id for snapshot in await old_and_new.list()] == ["00000001", "00000002"][: 1 + ("chunk" in part)]
    await store.put(part, whole)
    assert await old_and_new.read("00000002") == NEW


@pytest.mark.parametrize("part", PARTS[:3])
async def test_a_missing_or_longer_chunk_is_found(store: Store, old_and_new: SnapshotCatalog, part: str) -> None:
    whole = await store.get(part)
    assert whole is not None
    await store.put(part, whole + b"\0")
    await assert_new_is_damaged(old_and_new)
    await store.delete(part)
    await assert_new_is_damaged(old_and_new)


@pytest.mark.parametrize("body", [None, b"{}", b"[]", b""], ids=["of another id", "empty", "list", "nothing"])
async def test_a_manifest_that_is_not_its_own_is_found(
    store: Store, old_and_new: SnapshotCatalog, body: bytes | None
) -> None:
    other = await store.get("default/manifests/00000001")
    assert other is not None
    checked = other if body is None else body + b"\n" + hashlib.sha256(body).hexdigest().encode()
    await store.put("default/manifests/00000002", checked)
    await assert_new_is_damaged(old_and_new)


async def test_if_all_are_damaged_all_are_reported_newest_first(store: Store, old_and_new: SnapshotCatalog) -> None:
    await store.put("default/snapshots/00000001/chunk-00000", b"")
    await store.put("default/manifests/00000002", b"")
    found, damaged = await old_and_new.newest_good()
    assert found is None
    assert [each.id for each in damaged] == ["00000002", "00000001"]


async def test_an_unreachable_store_is_not_taken_for_damage(redis_server: RedisServer) -> None:
    store = open_store(redis_server.url)
    catalog = open_catalog(store)
    await save(catalog, OLD)
    redis_server.kill()
    for call in (catalog.newest_good(), catalog.list(), catalog.read("00000001"), save(catalog, NEW)):
        with pytest.raises(StoreError):
            await call
    redis_server.start()
    found, damaged = await catalog.newest_good()
    assert found is not None
    assert (found[1], damaged) == (OLD, [])
    await store.close()
