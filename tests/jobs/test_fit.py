"""Fits: what their process is given, and what becomes of what it made."""

import asyncio
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realnet import Checkpoint, LiveNet, from_checkpoint
from service.datasets.catalog import DatasetCatalog
from service.datasets.upload import Format
from service.engine.commands import UpdateWeights
from service.errors import Conflict, JobFailed, NotDurable, NotFound
from service.jobs.fit_files import write_data
from service.runtime import changes
from service.snapshots.snapshot import Snapshot
from service.store import open_store
from tests.datasets.dataset_reading import FRAMES, TOKENS
from tests.jobs.fits import FITTED, Child, add, fits
from tests.runtime.life import replayed

# What the process is given:


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("content", "format", "expected"),
    [
        (b"ab" * 5000, "txt", b"ab" * 5000),
        (b'{"text": "one"}\n{"text": "two"}', "jsonl", b"onetwo"),
        (b'{"input": [1, 2], "target": [3]}\n{"input": [4], "target": [5, 6]}', "jsonl", bytes(range(1, 7))),
    ],
)
async def test_tokens_are_written_as_one_text(tmp_path: Path, content: bytes, format: Format, expected: bytes) -> None:
    store = open_store(f"file://{tmp_path}/store")
    catalog = DatasetCatalog(store, 9, 2**20, "default")
    dataset = await catalog.get(await add(catalog, content, format, TOKENS))
    await write_data(tmp_path, catalog, dataset, 256)
    tokens = np.load(tmp_path / "tokens.npy", mmap_mode="r")
    assert (tokens.dtype, tokens.tobytes()) == (np.uint8, expected)
    await write_data(tmp_path, catalog, dataset, 100_000)
    assert np.load(tmp_path / "tokens.npy").tolist() == list(expected)
    await store.close()


@pytest.mark.anyio
async def test_vectors_are_written_as_two_arrays(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/store")
    catalog = DatasetCatalog(store, 9, 2**23, "default")
    rows = np.random.default_rng(0).random((300_000, 5)).astype(np.float32)  # more than a batch
    file = io.BytesIO()
    np.savez(file, inputs=rows[:, :3], targets=rows[:, 3:])
    dataset = await catalog.get(await add(catalog, file.getvalue(), "npz", FRAMES))
    await write_data(tmp_path, catalog, dataset, None)
    both = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("inputs", "targets")]
    assert np.array_equal(np.hstack(both), rows)
    await store.close()


# What becomes of what it made, with a child in the place of the process:


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Child:
    child = Child()
    monkeypatch.setattr("service.jobs.fit.run_process", child)
    return child


@pytest.mark.anyio
async def test_it_takes_the_place_of_the_net(store_url: str, tmp_path: Path, child: Child) -> None:
    async with fits(store_url, tmp_path) as run:
        fork = await run.weights()
        child.meanwhile = lambda: run.life.run(2)
        result = await run.run(commit="replace")
        assert result == FITTED | {"committed": True, "snapshot": result["snapshot"], "fork": result["fork"]}
        assert await run.weights_of(result["fork"]) == fork
        assert await run.weights() == await run.weights_of(result["snapshot"]) != fork
        snapshots = await run.life.catalog.list()
        assert [each.job for each in snapshots] == [None, "00000001", None]  # fork, fitted, and at once the net again
        assert run.life.engine.status.tick == snapshots[-1].tick == 6
        await run.life.run(3)
        before = await run.life.state()
        assert run.kept["00000001"].job.metrics == {"epoch": 0.0, "loss": 0.5}
    replica = await replayed(store_url)
    assert replica.learner.checkpoint().state_sha256() == before


@pytest.mark.anyio
async def test_rebased_it_keeps_what_was_learnt_meanwhile(store_url: str, tmp_path: Path, child: Child) -> None:
    async with fits(store_url, tmp_path) as run:
        between: list[Snapshot] = []

        async def meanwhile() -> None:
            await run.life.run(3)
            between.append(await run.life.snapshotter.save())

        child.meanwhile = meanwhile
        result = await run.run(commit="rebase")
        read = [await run.life.catalog.read(id) for id in (between[0].id, result["snapshot"], result["fork"])]
        alone = from_checkpoint(Checkpoint.from_bytes(read[0]))
        fitted, base = (Checkpoint.from_bytes(each).state().stored_weights() for each in read[1:])
        assert isinstance(alone.net, LiveNet)
        alone.net.adopt(fitted, base)
        assert alone.checkpoint().weights_sha256() == await run.weights()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("request_", "after", "committed"),
    [
        ({"commit": "none"}, 0.25, False),
        ({}, 0.5, True),
        ({}, 0.51, False),
        ({}, None, False),
        ({"force": True}, 0.51, True),
    ],
)
async def test_what_is_not_better_does_not_come_home(
    tmp_path: Path, child: Child, request_: dict[str, Any], after: float | None, committed: bool
) -> None:
    async with fits(f"file://{tmp_path}/data", tmp_path) as run:
        before = await run.weights()
        child.figures["after"] = {"loss": after}
        result = await run.run(**request_)
        assert (result["committed"], "why" in result) == (committed, not committed)
        assert (await run.weights() != before) is committed
        await run.life.snapshotter.restore(result["snapshot"], "cpu")
        assert await run.weights() == await run.weights_of(result["snapshot"]) != before


@pytest.mark.anyio
async def test_after_a_crash_it_is_done_once(tmp_path: Path, child: Child) -> None:
    async with fits(f"file://{tmp_path}/data", tmp_path) as run:
        child.error = asyncio.CancelledError()  # as if it was killed in the process
        with pytest.raises(asyncio.CancelledError):
            await run.run()
        fork = run.kept["00000001"].notes["fork"]
        await run.life.run(2)
        child.error = None
        run.kept["00000001"].job.request["commit"] = "none"
        first = await run.run()
        assert (first["fork"], first["committed"], child.runs) == (fork, False, 2)
        run.kept["00000001"].job.request["commit"] = "rebase"  # as if it was killed before it came home
        second = await run.run()
        assert (second["committed"], second["snapshot"], child.runs) == (True, first["snapshot"], 2)
        weights = await run.weights()
        await run.life.catalog.delete(first["snapshot"])
        assert await run.run() == second  # as if it was killed right after
        assert (await run.weights(), child.runs) == (weights, 2)
        del run.kept["00000001"].notes["fitted"]
        run.life.engine.progress.jobs.clear()
        await run.life.catalog.delete(fork)
        third = await run.run()
        assert (third["fork"] != fork, child.runs) == (True, 3)


@pytest.mark.anyio
async def test_what_a_fit_needs_stays(tmp_path: Path, child: Child) -> None:
    async with fits(f"file://{tmp_path}/data", tmp_path) as run:

        async def meanwhile() -> None:
            fork = run.kept["00000001"].notes["fork"]
            for _ in range(5):  # more than are kept
                await run.life.snapshotter.save()
            with pytest.raises(Conflict, match="by a job"):
                await run.life.catalog.delete(fork)

        child.meanwhile = meanwhile
        result = await run.run()
        assert result["committed"]
        await run.life.snapshotter.save()
        assert result["fork"] not in [each.id for each in await run.life.catalog.list()]


@pytest.mark.anyio
async def test_a_fit_comes_home_when_the_net_is_no_longer_paused(tmp_path: Path, child: Child) -> None:
    async with fits(f"file://{tmp_path}/data", tmp_path) as run:
        child.meanwhile = lambda: changes.configure(run.life.runtime, paused=True)
        before = await run.weights()
        running = asyncio.create_task(run.run())
        while "fitted" not in (run.kept["00000001"].notes if run.kept else {}):
            await asyncio.sleep(0.01)
        assert await run.weights() == before
        await changes.configure(run.life.runtime, paused=False)
        assert (await running)["committed"]


@pytest.mark.anyio
async def test_it_waits_until_it_can_be_journalled_and_may_be_cancelled_until_then(
    tmp_path: Path, child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.jobs.homecoming._RETRY_SECONDS", 0.0)
    async with fits(f"file://{tmp_path}/data", tmp_path) as run:
        ask, tries = run.life.engine.ask, 0
        cancelled_at = 3

        async def late(command: Any) -> Any:
            nonlocal tries
            if isinstance(command, UpdateWeights):
                tries += 1
                if tries == cancelled_at:
                    running.cancel()
                    await asyncio.sleep(0)
                if tries <= 3:
                    raise NotDurable("the disk is full")
            return await ask(command)

        monkeypatch.setattr(run.life.engine, "ask", late)
        before = await run.weights()
        running = asyncio.create_task(run.run())
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await run.weights() == before
        cancelled_at = 4  # too late: it is as good as done
        running = asyncio.create_task(run.run())
        assert (await running)["committed"]
        assert (tries, await run.weights() != before) == (4, True)


@pytest.mark.anyio
async def test_what_goes_wrong_is_told(tmp_path: Path, child: Child) -> None:
    async with fits(f"file://{tmp_path}/data", tmp_path) as run:
        with pytest.raises(NotFound, match="data set"):
            await run.run("00000001", dataset="0" * 32)
        child.error = JobFailed("killed")
        before = await run.weights()
        with pytest.raises(JobFailed):
            await run.run("00000002")
        assert await run.weights() == before
        fork = run.kept["00000002"].notes["fork"]
        (tmp_path / "data/default/snapshots" / fork / "chunk-00000").write_bytes(b"damaged")
        with pytest.raises(Conflict, match="damaged"):
            await run.run("00000002")
