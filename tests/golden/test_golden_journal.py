"""Stores of an older program, opened by this one: not a bit of what they lead to may change, on a disk or in Redis."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest

from service.store import open_log, open_store
from tests.golden.golden import (
    HAS_RECORDED_ARITHMETIC,
    expected,
    live_on,
    observed,
    steady_net,
    without_avx512,
)
from tests.running_server import WARM, ProcessServer

JOURNAL = "default/journal"
KILLED_AGAIN = ("tokens_half", "frames_begun")
EXPECTED = expected()
pytestmark = pytest.mark.skipif(
    not HAS_RECORDED_ARITHMETIC, reason="the hashes are of x86-64 with fused multiply-add, which this processor lacks"
)

MakeServer = Callable[..., ProcessServer]


@pytest.fixture(scope="module", autouse=True)
def recorded_arithmetic() -> Iterator[None]:
    """Let servers be forked from a process that computes as those did that were recorded."""
    forks = forkserver.ForkServer()
    forks.set_forkserver_preload(WARM)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in without_avx512().items():
            patch.setenv(name, value)
        patch.setattr(forkserver, "connect_to_new_process", forks.connect_to_new_process)
        forks.ensure_running()
        yield


def place_copy(source: Path, url: str) -> None:
    """Copy a recorded store to `url`: its directory, or every key and every record of it."""
    if url.startswith("file:"):
        shutil.copytree(source, url.removeprefix("file://"))
        return
    asyncio.run(_copy_values(source, url))
    log = open_log(url, JOURNAL)
    for block in open_log(f"file://{source}", JOURNAL).read():
        for seq, record in _records(block.data):
            log.append(seq, record, durable=True)
    log.close()


async def _copy_values(source: Path, url: str) -> None:
    old, new = open_store(f"file://{source}"), open_store(url)
    for key in await old.keys(""):
        if not key.startswith(JOURNAL):
            await new.put(key, await old.get(key) or b"")
    await old.close()
    await new.close()


def _records(journal: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the bytes of each record: a head of 24 bytes tells both, then comes the body."""
    start = 0
    while start < len(journal):
        seq, length = (int.from_bytes(journal[start:][part], "little") for part in (slice(4, 12), slice(12, 16)))
        yield seq, journal[start : start + 24 + length]
        start += 24 + length


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recorded_store_leads_where_it_led(
    new_process: MakeServer, recorded: Path, store_url: str, name: str
) -> None:
    if store_url.startswith("redis:") and name not in KILLED_AGAIN:
        pytest.skip("the records are the same wherever they are kept: two stores are enough")
    place_copy(recorded / name, store_url)
    golden: dict[str, Any] = EXPECTED[name]
    clients = golden["now"]["clients"]
    server = new_process(store=store_url).start()
    assert observed(server, clients) == golden["now"]
    live_on(server, golden["repeats"])
    assert steady_net(server) == golden["now"]["net"], "what it knew already was learnt again"
    live_on(server, golden["steps"])
    assert observed(server, clients) == golden["later"]
    if name in KILLED_AGAIN:  # with records of both programs in its journal
        server.kill()
        assert observed(server.start(), clients) == golden["later"]
    assert "Traceback" not in server.log
