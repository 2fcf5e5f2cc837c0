"""What is remembered of a client: a repeated message is known, one that failed may come again."""

import asyncio

import pytest

from service import clients
from service.clients import Client, Clients
from service.commands import Ran

pytestmark = pytest.mark.anyio


def accepted(client: Client, seq: int) -> "asyncio.Future[Ran]":
    reply: asyncio.Future[Ran] = asyncio.get_running_loop().create_future()
    client.accept(seq, reply)
    return reply


async def settle() -> None:
    """Let the callbacks of futures run."""
    await asyncio.sleep(0)


async def test_the_last_seq_is_the_last_that_was_run() -> None:
    client = Client()
    first, second = accepted(client, 1), accepted(client, 4)
    assert (client.accepted, client.last_seq) == (4, 0)
    assert client.repeated(4) is second
    first.set_result(Ran(1, 10, []))
    await settle()
    assert (client.accepted, client.last_seq) == (4, 1)
    second.set_result(Ran(11, 12, []))
    await settle()
    assert (client.accepted, client.last_seq) == (4, 4)
    assert client.repeated(1).result().last_tick == 12
    assert client.running == {}


async def test_what_was_not_run_may_come_again() -> None:
    client = Client()
    replies = [accepted(client, seq) for seq in (1, 2, 3)]
    replies[0].set_result(Ran(1, 1, []))
    for reply in replies[1:]:
        reply.set_exception(RuntimeError("the engine has died"))
    await settle()
    assert (client.accepted, client.last_seq) == (1, 1)


async def test_clients_are_known_by_name_until_many_others_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_CLIENTS", 2)
    known = Clients()
    a, b = known.get("a"), known.get("b")
    assert known.get("a") is a
    known.get("c")
    assert known.get("a") is a
    assert known.get("b") is not b
    assert known.get(None) is not known.get(None)
