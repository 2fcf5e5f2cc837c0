"""Fixtures of all tests: real servers, a real Redis, a store of each kind."""

import gc
import os
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path

import pytest

from service.jobs import process
from service.store import open_store
from service.store.base import Store
from tests.redis_server import RedisServer
from tests.running_server import ProcessServer, ThreadServer
from tests.store.disk import Disk


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect tests without looking for garbage among what they import."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


freeze = gc.freeze


@pytest.fixture(scope="session", autouse=True)
def thawed_servers() -> Iterator[None]:
    """Let servers on threads freeze nothing: what is left of each would stay for good."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "freeze", lambda: None)
        yield
    gc.unfreeze()  # Triton tells at the end of all that the collector has overlooked


@pytest.fixture(scope="module", autouse=True)
def frozen_imports(thawed_servers: None) -> None:
    """Let the garbage collector overlook all that is imported: each start of a server would look for half a second."""
    gc.collect()
    freeze()


@pytest.fixture(scope="session", autouse=True)
def eager_fits() -> None:
    """Let the processes of fits compete: at the lowest priority they would wait for all other tests to end."""
    process._NICENESS = 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    """One for all tests of a file, with a net of tokens at its defaults."""
    server = ThreadServer(tmp_path_factory.mktemp("server"))
    yield server.start()
    server.close()


@pytest.fixture(scope="module")
def frames_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    """The same with a net of raw frames: 3 inputs, 2 outputs."""
    server = ThreadServer(tmp_path_factory.mktemp("frames"), inputs=3, outputs=2)
    yield server.start()
    server.close()


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[..., ThreadServer]]:
    """Makes servers on threads, not started, that share a directory and so by default a store."""
    made: list[ThreadServer] = []

    def make(**settings: object) -> ThreadServer:
        made.append(ThreadServer(tmp_path, **settings))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def new_process(tmp_path: Path) -> Iterator[Callable[..., ProcessServer]]:
    """Makes the same in processes of their own."""
    made: list[ProcessServer] = []

    def make(**settings: object) -> ProcessServer:
        made.append(ProcessServer(tmp_path, **settings))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    directory = tmp_path / "redis"
    directory.mkdir()
    server = RedisServer(directory)
    yield server
    server.kill()


@pytest.fixture(params=["file", "redis"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return f"file://{tmp_path}/store"
    server: RedisServer = request.getfixturevalue("redis_server")
    return server.url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    store = open_store(store_url)
    yield store
    await store.close()


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk(tmp_path / "default" / "journal")
    monkeypatch.setattr(os, "fdatasync", disk.fdatasync)
    monkeypatch.setattr(os, "fsync", disk.fsync)
    return disk
