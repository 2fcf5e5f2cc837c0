"""A takeover by the command and by both clients."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from realnet.client import AsyncClient, Client, Invalid, OutOfScope, PeerFailed
from service.journal.copies import records_of
from tests.cli.commands import complaint, realnet, shown
from tests.running_server import ThreadServer
from tests.takeover.servers import of_its_own, state

TEXT = "what one has lived through, the other has lived through. "
KEY = "a" * 32


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    server = of_its_own(tmp_path_factory.mktemp("other"), api_key=KEY)
    server.run(text=TEXT)
    yield server
    server.close()


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    server = of_its_own(tmp_path_factory.mktemp("mine"))
    yield server
    server.close()


def test_clients_take_over(mine: ThreadServer, other: ThreadServer) -> None:
    mine.run(text="another life")
    with Client(mine.url) as client:
        assert client.takeover(other.url, KEY).result(timeout=60)["state_sha256"] == state(mine) == state(other)

    async def take_over() -> str:
        async with AsyncClient(mine.url) as client:
            return str((await (await client.takeover(other.url, KEY)).result(timeout=60))["before"])

    mine.run(text="another life")
    was = state(mine)
    before = asyncio.run(take_over())
    assert mine.client.get(f"/v1/snapshots/{before}").json()["state_sha256"] == was


def test_clients_fetch_a_life_as_bytes(other: ThreadServer, tmp_path: Path) -> None:
    with Client(other.url, KEY) as client:
        saved = client.snapshots.save()
        assert client.snapshots.memory(saved.id)
        with client.journal(tmp_path / "life").open("rb") as file:
            numbers = [seq for seq, _ in records_of(file)]
    assert numbers == list(range(1, len(numbers) + 1)) != []


def test_clients_are_told_what_is_wrong(mine: ThreadServer, other: ThreadServer) -> None:
    with Client(mine.url) as client:
        for url, kind, told in (
            ("here", Invalid, "http://host:8420"),
            ("http://10.0.0.1:8420", OutOfScope, "REALNET_PEERS"),
            (other.url, PeerFailed, "answers 401"),
        ):
            with pytest.raises(kind, match=told):
                client.takeover(url)


def test_the_command_takes_over_and_tells_what_was_there(mine: ThreadServer, other: ThreadServer) -> None:
    mine.run(text="another life")
    ended = realnet("takeover", other.url, "--yes", url=mine.url, variables={"REALNET_PEER_KEY": KEY})
    assert ended.returncode == 0, ended.stderr
    told = dict(re.split("  +", line, maxsplit=1) for line in ended.stdout.decode().splitlines())
    assert told["state sha256"] == state(mine) == state(other)
    assert "\nrestored" in "\n" + shown("snapshot", "restore", told["before"], "--yes", "--no-save", url=mine.url)


def test_the_command_says_what_is_wrong(mine: ThreadServer, other: ThreadServer) -> None:
    assert "--yes" in complaint("takeover", other.url, url=mine.url, status=2)
    assert "URL: must be like http://host:8420" in complaint("takeover", "here", "--yes", url=mine.url)
    assert "REALNET_PEERS" in complaint("takeover", "http://10.0.0.1", "--yes", url=mine.url)
    assert "answers 401" in complaint("takeover", other.url, "--yes", "--peer-key", "b" * 32, url=mine.url)
    assert "--how" in complaint("takeover", other.url, "--how", "steal", "--yes", url=mine.url, status=2)
