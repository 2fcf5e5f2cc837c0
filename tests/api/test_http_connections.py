"""The connections of a gateway to another server: those that are kept, and those that are not."""

import asyncio
import ssl
from pathlib import Path

import pytest

from service.api import http_client
from service.api.http_client import Connection, NotConnected
from tests.api.scripted_server import (
    CHUNKS,
    HELLO,
    LENGTH,
    TEXT,
    Script,
    Wire,
    asked,
    in_parts,
    read,
    wired,
)

pytestmark = pytest.mark.anyio

CERTIFICATE = Path(__file__).with_name("localhost.pem")  # for 127.0.0.1, with its key, known to nobody


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        HELLO + HELLO,
        HELLO + b"what is no answer",
    ],
)
async def test_a_connection_is_not_kept_where_no_other_answer_may_follow(octets: bytes) -> None:
    script = Script(octets, HELLO)
    async with script.running() as server:
        assert await asked(server) == (200, b"hello")
        assert await asked(server) == (200, b"hello")
    assert script.connections == 2


async def test_a_connection_is_not_kept_after_what_nobody_asked_for() -> None:
    connection, wire = wired()
    connection.data_received(HELLO)
    assert (await read(connection), connection.is_free) == (b"hello", True)
    connection.data_received(HELLO)
    assert wire.is_gone
    assert not connection.is_free


async def test_a_connection_is_not_kept_after_a_body_that_should_not_be_there() -> None:
    connection, wire = Connection(None), Wire()
    connection.connection_made(wire)
    connection.ask("HEAD", b"/", b"host", [], None)
    connection.data_received(HELLO)
    assert (await read(connection), connection.is_free) == (b"", False)


async def test_what_one_did_not_take_of_his_answer_is_nobody_elses() -> None:
    script = Script(LENGTH, HELLO)
    async with script.running() as server:
        connection = await server.ask("GET", b"/", [], None)
        server.release(connection)
        assert await asked(server) == (200, b"hello")


async def test_whoever_waits_is_told_where_all_is_closed() -> None:
    script = Script(b"")
    async with script.running() as server:
        waiting = asyncio.create_task(server.ask("GET", b"/", [], None))
        while not script.heads:
            await asyncio.sleep(0)
        server.close()
        with pytest.raises(ConnectionAbortedError):
            await waiting


async def test_connections_are_kept_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(*[HELLO] * 9)
    async with script.running() as server:
        three = [await server.ask("GET", b"/", [], None) for _ in range(3)]
        for connection in three:
            await read(connection)
            server.release(connection)
        assert await asked(server) == (200, b"hello")
        assert script.connections == 3
        monkeypatch.setattr(http_client, "_IDLE_SECONDS", -1.0)
        assert await asked(server) == (200, b"hello")
        assert script.connections == 4
        assert not any(connection.is_free for connection in three)


async def test_a_connection_that_the_server_has_closed_is_not_used_again() -> None:
    script = Script(HELLO, HELLO, closes=True)
    async with script.running() as server:
        connection = await server.ask("GET", b"/", [], None)
        await read(connection)
        server.release(connection)
        while connection.is_free:
            await asyncio.sleep(0)
        assert await asked(server) == (200, b"hello")
    assert script.connections == 2


async def test_a_server_that_is_not_there_has_seen_nothing() -> None:
    async with Script().running() as server:
        pass
    with pytest.raises(NotConnected, match="ConnectionRefusedError"):
        await server.ask("GET", b"/", [], None)


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_server_with_tls_is_asked_where_its_certificate_is_known(
    is_known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(CERTIFICATE)
    if is_known:
        monkeypatch.setattr(http_client, "tls", lambda: ssl.create_default_context(cafile=CERTIFICATE))
    script = Script(HELLO, CHUNKS)
    async with script.running(own) as server:
        if is_known:
            assert await asked(server, "POST", in_parts(b"some", b"parts")) == (200, b"hello")
            assert await asked(server) == (201, TEXT)
        else:
            with pytest.raises(NotConnected, match="CertVerificationError"):
                await asked(server)
    assert script.bodies == ([b"someparts", b""] if is_known else [])


async def test_a_server_may_be_silent_for_its_patience() -> None:
    connection, _ = Connection(0.01), Wire()
    connection.connection_made(Wire())
    connection.ask("GET", b"/", b"host", [], None)
    with pytest.raises(TimeoutError):
        await connection.begin()
