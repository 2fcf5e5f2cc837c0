"""No caller takes all places from the others: not for streams, uploads, generations (see the inbox) or jobs."""

import asyncio
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import Request

from realnet import TokenLearner
from service.api.stream.hub import StreamHub
from service.api.uploads import Uploads
from service.auth.keyring import Caller
from service.auth.keys import Scope
from service.auth.places import Places
from service.engine.inbox import Inbox
from service.engine.output_ring import OutputRing
from service.errors import Limited, Overloaded
from service.jobs.catalog import JobCatalog
from service.jobs.runner import JobContext, JobResult, JobRunner
from service.replica.progress import Progress, ProgressState
from service.settings import Settings
from service.store import open_store

pytestmark = pytest.mark.anyio

MALLORY, ALICE = "mallory/", "alice/"  # spaces of two keys


def caller(space: str) -> Caller:
    return Caller(space, Scope.READ, space=space)


def test_one_key_has_half_of_the_places() -> None:
    places = Places(3, "things")
    places.take(MALLORY)
    places.take(MALLORY)
    with pytest.raises(Limited, match="one key may hold 2 of the 3 places for things"):
        places.take(MALLORY)
    places.take(ALICE)
    with pytest.raises(Overloaded, match="all 3 places for things are taken") as full:
        places.take("bob/")
    assert not isinstance(full.value, Limited)
    places.release(MALLORY)
    places.take("bob/")


def test_without_keys_one_caller_has_all() -> None:
    places = Places(3, "things")
    for _ in range(3):
        places.take("")
    with pytest.raises(Overloaded):
        places.take("")


def test_a_single_place_is_anybodys() -> None:
    places = Places(1, "things")
    with places.held(MALLORY), pytest.raises(Overloaded):
        places.take(ALICE)
    places.take(ALICE)


def test_one_key_leaves_streams_to_others() -> None:
    engine = SimpleNamespace(progress=Progress.of(ProgressState()))
    runtime: Any = SimpleNamespace(
        engine=engine, inbox=Inbox(1, 1), outputs=OutputRing(1, TokenLearner.create(num_neurons=656).interface)
    )
    hub = StreamHub(runtime, Settings(max_streams=4))
    with ExitStack() as open_streams:
        for _ in range(2):
            open_streams.enter_context(hub.admit(caller(MALLORY)))
        with pytest.raises(Limited):
            open_streams.enter_context(hub.admit(caller(MALLORY)))
        open_streams.enter_context(hub.admit(caller(ALICE)))
    with hub.admit(caller(MALLORY)):
        pass


async def test_one_key_leaves_uploads_to_others(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, 2)
    began: asyncio.Queue[None] = asyncio.Queue()

    async def receive() -> Any:
        began.put_nowait(None)
        await asyncio.Event().wait()

    async def upload(space: str) -> None:
        headers = [(b"content-type", b"multipart/form-data; boundary=x")]
        async with uploads.receive(Request({"type": "http", "headers": headers}, receive), space):
            pass

    endless = [asyncio.create_task(upload(MALLORY))]
    await began.get()
    with pytest.raises(Limited):
        await upload(MALLORY)
    endless.append(asyncio.create_task(upload(ALICE)))
    await began.get()
    for task in endless:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    again = asyncio.create_task(upload(MALLORY))
    await began.get()
    again.cancel()
    with suppress(asyncio.CancelledError):
        await again


async def test_one_key_leaves_jobs_to_others(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}")

    async def run(job: JobContext) -> JobResult:
        await asyncio.Event().wait()
        return {}

    jobs = JobRunner(JobCatalog(store, "default"), {"sleep": run}, lambda: True)
    await jobs.start()
    mallorys = [await jobs.add("sleep", {}, MALLORY) for _ in range(50)]
    with pytest.raises(Limited):
        await jobs.add("sleep", {}, MALLORY)
    await jobs.add("sleep", {}, ALICE)
    await jobs.cancel(mallorys[0].id)
    await jobs.cancel(mallorys[-1].id)
    for _ in range(2):
        await jobs.add("sleep", {}, MALLORY)
    with pytest.raises(Limited):
        await jobs.add("sleep", {}, MALLORY)
    await jobs.stop()
    await store.close()
