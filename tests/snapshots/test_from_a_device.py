"""A net whose copies take their time, as those of a GPU do: the engine begins them, and others wait."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from realnet.core.state import State
from realnet.kernels.cpu_dense import CpuDense
from service.errors import EngineStopped
from service.watch.matrix import matrix_of
from tests.engine.running_engine import until
from tests.runtime.life import Life, living, replayed

pytestmark = pytest.mark.anyio


class Way:
    """The way of copies from a kernel to the host, which may be closed, or end in nothing."""

    def __init__(self) -> None:
        self.open, self.is_lost, self.begun = threading.Event(), False, 0
        self.open.set()

    def begin(self, state: State) -> Callable[[], State]:
        self.begun += 1

        def brought() -> State:
            assert self.open.wait(30.0)
            if self.is_lost:
                raise RuntimeError("the device is lost, for a test")
            return state

        return brought


@pytest.fixture
def way(monkeypatch: pytest.MonkeyPatch) -> Way:
    """Have all kernels that are opened be far away."""
    way = Way()

    class Far(CpuDense):
        def begin_snapshot(self) -> Callable[[], State]:
            return way.begin(self.snapshot())

    monkeypatch.setattr("realnet.live.open_kernel", lambda name, params, state, *others: Far(params, state))
    return way


async def test_the_net_lives_on_while_a_snapshot_of_it_is_on_its_way(way: Way, tmp_path: Path) -> None:
    url = f"file://{tmp_path}"
    async with living(url) as life:
        await life.run(1)
        then = await life.state()
        way.open.clear()
        begun = way.begun
        saving = asyncio.create_task(life.snapshotter.save())
        await until(lambda: way.begun > begun)
        ran = [await life.run(number) for number in (2, 3)]
        assert (ran[-1].last_tick, saving.done()) == (9, False)
        way.open.set()
        snapshot = await saving
        assert (snapshot.tick, snapshot.state_sha256) == (3, then)
        now = await life.state()
    assert now != then
    assert (await replayed(url)).learner.checkpoint().state_sha256() == now


async def marked(life: Life) -> None:
    """Live on until there is a mark in the journal, of which a hash is taken for other servers."""
    life.engine.hashes.wanted = True
    async with asyncio.timeout(10.0):
        while True:
            await life.run(2)


@pytest.mark.parametrize(
    "ask",
    [
        lambda life: life.snapshotter.save(),
        lambda life: life.snapshotter.hashes(),
        lambda life: matrix_of(life.engine),
        marked,
    ],
    ids=["snapshot", "hashes", "matrix", "mark"],
)
async def test_a_copy_that_is_lost_ends_the_engine(
    way: Way, tmp_path: Path, ask: Callable[[Life], Awaitable[object]]
) -> None:
    async with living(f"file://{tmp_path}", hash_every=2) as life:
        await life.run(1)
        way.is_lost = True
        with pytest.raises(EngineStopped, match="died"):
            await ask(life)
        await until(lambda: not life.engine.alive)
        assert life.engine.failure == "the engine has died, the server's log tells why"
        with pytest.raises(EngineStopped, match="died"):
            await life.run(2)
