"""Two nets on one store, in one process: neither sees anything of the other."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from prometheus_client import generate_latest

from realnet import TokenLearner
from realnet.inputs import Input
from service.datasets.upload import Upload
from service.engine.commands import Run, Sender
from service.errors import NotFound
from service.runtime.birth import CannotStart
from service.runtime.open_store import opened_store
from service.runtime.runtime import Runtime
from service.settings import NetSettings
from service.telemetry.metrics import NetCollector, open_registry

pytestmark = pytest.mark.anyio

NEURONS = 1000
TEXT = b"to be or not to be, that is the question"


@asynccontextmanager
async def two_nets(url: str, **settings: Any) -> AsyncIterator[tuple[Runtime, Runtime]]:
    given: dict[str, Any] = {"neurons": NEURONS, "tick_hz": 0.001, "snapshot_every": 0} | settings
    async with (
        opened_store(url) as place,
        Runtime.open("first", NetSettings(**given), place) as first,
        Runtime.open("second", NetSettings(**(given | {"seed": 1})), place) as second,
    ):
        while not (first.inbox.ready and second.inbox.ready):
            await asyncio.sleep(0.002)
        yield first, second


async def teach(net: Runtime, text: bytes, sender: Sender | None = None) -> None:
    run = Run(Input(tokens=np.frombuffer(text, np.uint8).astype(np.int32)), sender=sender or Sender())
    net.submit(run)
    await run.reply


async def dreamt(net: Runtime, dataset: str) -> None:
    job = await net.jobs.add("dream", {"dataset": dataset})
    async with asyncio.timeout(30.0):
        async for changed in net.jobs.follow(job.id):
            assert changed is not None
    assert job.status == "succeeded", job.error


async def test_each_has_its_own_weights_journal_snapshots_data_sets_and_jobs(store_url: str) -> None:
    async with two_nets(store_url) as (first, second):
        await teach(first, TEXT, Sender("reader", 1))
        await teach(second, TEXT[::-1])
        snapshot = await first.snapshotter.save()
        upload = Upload(io.BytesIO(TEXT), len(TEXT), "0" * 64, "x", "txt")
        dataset, _ = await first.datasets.add(upload, first.interface)
        await dreamt(first, dataset.id)
        await teach(first, TEXT)
        assert [len(await net.snapshots.list()) for net in (first, second)] == [1, 0]
        assert [len(await net.datasets.list()) for net in (first, second)] == [1, 0]
        assert [len(net.jobs.all()) for net in (first, second)] == [1, 0]
        with pytest.raises(NotFound):
            await second.restore(snapshot.id)
        before = [await net.hashes() for net in (first, second)]
    alone = TokenLearner.create(num_neurons=NEURONS, seed=1)
    alone.run(list(TEXT[::-1]))
    assert before[1] == (alone.checkpoint().weights_sha256(), alone.checkpoint().state_sha256())
    async with two_nets(store_url) as (first, second):
        assert [await net.hashes() for net in (first, second)] == before
        assert [len(net.jobs.all()) for net in (first, second)] == [1, 0]


async def test_metrics_carry_the_name_of_the_net(store_url: str) -> None:
    async with two_nets(store_url) as (first, second):
        await teach(second, TEXT)
        for net, tokens in ((first, 0.0), (second, 40.0)):
            parts = net.parts
            metrics = generate_latest(open_registry(NetCollector(lambda parts=parts: parts))).decode()  # type: ignore[misc]
            assert f'realnet_tokens_seen_total{{net="{net.name}"}} {tokens}\n' in metrics
            assert f'realnet_mode{{net="{net.name}",realnet_mode="awake"}} 1.0\n' in metrics


async def test_what_was_asked_for_must_be_so(store_url: str) -> None:
    async with two_nets(store_url):
        pass
    with pytest.raises(CannotStart, match="has seed 0, not 7"):
        async with two_nets(store_url, seed=7):
            pass
