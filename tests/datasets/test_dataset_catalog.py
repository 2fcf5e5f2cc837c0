"""What a catalog of data sets promises, on both stores: what was read comes back, whole or not at all."""

import asyncio
import contextlib
import hashlib
import io
import itertools
from datetime import UTC, datetime

import numpy as np
import pytest

from realnet.interface import Interface
from service.datasets.catalog import DatasetCatalog
from service.datasets.items import Pairs, Text, Texts, Vectors
from service.datasets.manifest import Dataset, DatasetDamaged
from service.datasets.upload import Format, Upload
from service.errors import Conflict, Invalid, NotFound
from service.store import open_store
from service.store.base import Store, StoreError
from tests.datasets.dataset_reading import COLUMNS, FRAMES, MOST, TOKENS
from tests.redis_server import RedisServer
from tests.store.interrupted import Fault, Interrupted, cancel, lose_the_reply, refuse

pytestmark = pytest.mark.anyio

LINES = b"".join(b'{"text": "line %d"}\n' % number for number in range(9_000))  # 3 chunks
TEXT = b"a text " * 300_000  # 3 chunks, and quickly read
CHUNKS = "default/datasets/"


def open_catalog(store: Store, kept: int = 5, name: str = "default") -> DatasetCatalog:
    return DatasetCatalog(store, kept, MOST, name)


def upload(content: bytes, format: Format = "jsonl", name: str = "a name", **columns: tuple[str, ...]) -> Upload:
    return Upload(io.BytesIO(content), len(content), hashlib.sha256(content).hexdigest(), name, format, **columns)


async def add(catalog: DatasetCatalog, content: bytes, format: Format = "jsonl", shape: Interface = TOKENS) -> Dataset:
    return (await catalog.add(upload(content, format), shape))[0]


async def pieces_of(catalog: DatasetCatalog, id: str, start: int = 0) -> list[Text]:
    found: list[Text] = []
    async for batch in catalog.read(id, start):
        assert isinstance(batch, Texts)
        assert batch.start == start + len(found)
        assert batch.pieces
        found += batch.pieces
    return found


def said(pieces: list[Text]) -> list[tuple[bytes, bool]]:
    return [(bytes(piece.tokens.tolist()), piece.continues) for piece in pieces]


async def test_a_text_is_read_back_in_pieces(store: Store) -> None:
    catalog = open_catalog(store)
    before = datetime.now(UTC)
    content = ("é" * 1_500_000).encode()
    dataset, is_new = await catalog.add(upload(content, "txt"), TOKENS)
    assert is_new
    assert before <= dataset.created_at <= datetime.now(UTC)
    assert dataset.model_dump(exclude={"created_at", "id"}) == {
        "name": "a name",
        "format": "txt",
        "kind": "text",
        "items": 1,
        "pieces": 733,
        "bytes": 3_000_000,
        "sha256": hashlib.sha256(content).hexdigest(),
        "tokens": 3_000_000,
        "inputs": None,
        "outputs": None,
    }
    pieces = await pieces_of(catalog, dataset.id)
    assert [piece.continues for piece in pieces] == [False, *[True] * 732]
    assert b"".join(bytes(piece.tokens.tolist()) for piece in pieces) == content
    for key in await store.keys(CHUNKS):
        assert 0 < len(await store.get(key) or b"") < 2**21


async def test_lines_are_read_back_from_anywhere(store: Store) -> None:
    catalog = open_catalog(store)
    dataset = await add(catalog, LINES)
    assert (dataset.items, dataset.pieces) == (9_000, 9_000)
    assert len(await store.keys(CHUNKS)) == 3
    whole = said(await pieces_of(catalog, dataset.id))
    assert whole == [(b"line %d" % number, False) for number in range(9_000)]
    for start in (1, 4_095, 4_096, 4_097, 8_192, 8_999):
        assert said(await pieces_of(catalog, dataset.id, start)) == whole[start:]
    assert await pieces_of(catalog, dataset.id, 9_000) == []


async def test_pairs_are_read_back(store: Store) -> None:
    catalog = open_catalog(store)
    dataset = await add(catalog, b'{"input": "ab", "target": [1]}\n{"input": [2], "target": [3, 4]}\n')
    assert (dataset.kind, dataset.items, dataset.pieces, dataset.tokens) == ("pairs", 2, 2, 6)
    for start in (0, 1):
        (batch,) = [batch async for batch in catalog.read(dataset.id, start)]
        assert isinstance(batch, Pairs)
        assert batch.start == start
        found = [(pair.input.tolist(), pair.target.tolist()) for pair in batch.pairs]
        assert found == [([97, 98], [1]), ([2], [3, 4])][start:]


async def test_vectors_are_read_back(store: Store) -> None:
    catalog = open_catalog(store)
    numbers = np.random.default_rng(0).random((300_000, 5)).astype(np.float32)
    file = io.BytesIO()
    np.savez(file, inputs=numbers[:, :3].copy(), targets=numbers[:, 3:].copy())
    catalog = DatasetCatalog(store, 5, 10 * MOST, "default")
    dataset = await add(catalog, file.getvalue(), "npz", FRAMES)
    assert (dataset.kind, dataset.items, dataset.inputs, dataset.outputs) == ("vectors", 300_000, 3, 2)
    for start in (0, 250_001):
        batches = [batch async for batch in catalog.read(dataset.id, start)]
        blocks = [batch for batch in batches if isinstance(batch, Vectors)]
        assert len(blocks) == len(batches) == (2 if start == 0 else 1)
        assert blocks[0].start == start
        assert np.array_equal(np.concatenate([block.inputs for block in blocks]), numbers[start:, :3])
        assert np.array_equal(np.concatenate([block.targets for block in blocks]), numbers[start:, 3:])


async def test_the_same_content_is_one_data_set(store: Store) -> None:
    catalog = open_catalog(store)
    first, is_new = await catalog.add(upload(LINES), TOKENS)
    assert is_new
    assert await catalog.add(upload(LINES, name="another name"), TOKENS) == (first, False)
    assert await catalog.add(upload(LINES), TOKENS) == (first, False)
    as_text, is_new = await catalog.add(upload(LINES, "txt"), TOKENS)
    assert is_new
    assert await open_catalog(store).list() == [first, as_text]
    both = [catalog.add(upload(LINES[:-1]), TOKENS) for _ in range(2)]
    assert sorted(is_new for _, is_new in await asyncio.gather(*both)) == [False, True]


async def test_what_is_wrong_leaves_nothing(store: Store) -> None:
    catalog = open_catalog(store)
    for wrong in (b"{}\n" + LINES, LINES + b"{}\n", LINES + b"{}\n" * 20):
        with pytest.raises(Invalid):
            await add(catalog, wrong)
        assert await catalog.list() == []
        assert await store.keys("") == []


async def test_a_held_data_set_is_not_deleted(store: Store) -> None:
    catalog = open_catalog(store)
    dataset = await add(catalog, LINES)
    async with catalog.hold(dataset.id, "job 1") as held, catalog.hold(dataset.id, "job 2"):
        assert held == dataset
        with pytest.raises(Conflict, match="job 1"):
            await catalog.delete(dataset.id)
    with pytest.raises(RuntimeError):
        async with catalog.hold(dataset.id, "job 3"):
            raise RuntimeError
    await catalog.delete(dataset.id)
    assert await store.keys("") == []
    for id in (dataset.id, "", "../manifests", "0" * 32):
        with pytest.raises(NotFound):
            await catalog.delete(id)
        with pytest.raises(NotFound):
            await catalog.get(id)
        with pytest.raises(NotFound):
            async with catalog.hold(id, "job 4"):
                pass


async def test_no_more_than_are_kept(store: Store) -> None:
    catalog = open_catalog(store, kept=2)
    first = await add(catalog, b"1", "txt")
    await add(catalog, b"2", "txt")
    with pytest.raises(Conflict, match="2 data sets are kept"):
        await add(catalog, b"3", "txt")
    assert await add(catalog, b"1", "txt") == first  # it is there
    await catalog.delete(first.id)
    await add(catalog, b"3", "txt")


async def test_damage_is_seen(store: Store) -> None:
    catalog = open_catalog(store)
    dataset = await add(catalog, LINES)
    key = (await store.keys(CHUNKS))[1]
    chunk = await store.get(key)
    assert chunk is not None
    await store.put(key, chunk[:-1] + b"!")
    with pytest.raises(DatasetDamaged, match="chunk 1 has the wrong checksum"):
        await pieces_of(catalog, dataset.id)
    assert len(await pieces_of(catalog, dataset.id, 8_192)) == 808  # of chunk 2
    await store.delete(key)
    with pytest.raises(DatasetDamaged, match="chunk 1 is missing"):
        await pieces_of(catalog, dataset.id)
    manifest = f"default/dataset-manifests/{dataset.id}"
    stored = await store.get(manifest)
    assert stored is not None
    await store.put(manifest, stored.replace(b"a name", b"b name"))
    with pytest.raises(DatasetDamaged):
        await catalog.get(dataset.id)
    assert await catalog.list() == []
    again = await add(catalog, LINES)  # heals it
    assert again.id == dataset.id
    assert len(await pieces_of(catalog, again.id)) == 9_000
    assert len(await store.keys(CHUNKS)) == 3
    await store.put(manifest, b"damaged again")
    await catalog.delete(dataset.id)
    assert await catalog.sweep() == 3
    assert await store.keys("") == []


@pytest.mark.parametrize("lasts", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("fault", [refuse, lose_the_reply, cancel])
async def test_an_addition_interrupted_at_any_operation_is_whole_or_not_there(
    store: Store, fault: Fault, lasts: bool
) -> None:
    for at in itertools.count(1):
        name = f"net-{at}"
        interrupted = Interrupted(store, at, fault, lasts)
        adding = asyncio.create_task(add(open_catalog(interrupted, name=name), TEXT, "txt"))
        await asyncio.wait([adding])
        added = None if adding.cancelled() or isinstance(adding.exception(), StoreError) else adding.result()
        catalog = open_catalog(store, name=name)  # of the next start
        await catalog.sweep()
        found = await catalog.list()
        assert added is None or found == [added]
        assert len(await store.keys(f"{name}/datasets/")) == 3 * len(found)
        for dataset in found:
            assert len(await pieces_of(catalog, dataset.id)) == dataset.pieces == 513
        again = await add(catalog, TEXT, "txt")
        assert found in ([], [again])
        if interrupted.operations < at:
            assert added is not None
            assert at > 9  # the fault was tried at every operation of a whole one
            break


async def test_a_deletion_interrupted_at_any_operation_leaves_it_whole_or_gone(store: Store) -> None:
    for at in itertools.count(1):
        name = f"net-{at}"
        dataset = await add(open_catalog(store, name=name), TEXT, "txt")
        interrupted = Interrupted(store, at, refuse)
        with contextlib.suppress(StoreError):
            await open_catalog(interrupted, name=name).delete(dataset.id)
        catalog = open_catalog(store, name=name)
        await catalog.sweep()
        found = await catalog.list()
        assert len(await store.keys(f"{name}/datasets/")) == 3 * len(found)
        if found:
            assert len(await pieces_of(catalog, dataset.id)) == dataset.pieces == 513
        if interrupted.operations < at:
            assert not found
            break


async def test_what_could_not_be_cleaned_up_is_swept_by_the_next_addition(store: Store) -> None:
    with pytest.raises(StoreError):
        await add(open_catalog(Interrupted(store, 6, refuse, lasts=True)), LINES)
    assert await store.keys(CHUNKS) != []
    await add(open_catalog(store), b"a", "txt")
    assert len(await store.keys(CHUNKS)) == 1


async def test_redis_that_is_down(redis_server: RedisServer) -> None:
    store = open_store(redis_server.url)
    catalog = open_catalog(store)
    dataset = await add(catalog, LINES)
    redis_server.kill()
    with pytest.raises(StoreError):
        await add(catalog, b"a", "txt")
    with pytest.raises(StoreError):
        await catalog.list()
    with pytest.raises(StoreError):
        await pieces_of(catalog, dataset.id)
    redis_server.start()
    assert await catalog.list() == [dataset]
    assert len(await pieces_of(catalog, dataset.id)) == 9_000
    await store.close()


async def test_a_table_with_other_columns_is_another_data_set(store: Store) -> None:
    catalog = open_catalog(store)
    table = b"a,b,c,d,e\n1,0,1,0,1\n"
    first, _ = await catalog.add(upload(table, "csv", **COLUMNS), FRAMES)
    other = COLUMNS | {"targets": ("e", "d")}
    second, is_new = await catalog.add(upload(table, "csv", **other), FRAMES)
    assert is_new
    assert first.sha256 == second.sha256
    assert first.id != second.id
