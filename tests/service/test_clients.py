"""What is remembered of a client: a repeated message is known, one that failed may come again."""

import asyncio

import pytest

from service.api.stream import clients
from service.api.stream.clients import Client, Clients
from service.engine.commands import Ran
from service.errors import NotDurable
from service.replica.progress import Progress, ServiceState

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


async def test_nothing_is_taken_before_what_was_not_durable_has_come_again() -> None:
    """Or a client that sends ahead would lose it: what comes after it would be acknowledged, and it be a repetition."""
    client = Client()
    replies = [accepted(client, seq) for seq in (1, 2, 3)]
    replies[0].set_result(Ran(1, 1, []))
    for reply in replies[1:]:
        reply.set_exception(NotDurable("full"))
    await settle()
    with pytest.raises(NotDurable, match="seq 2 was not durable and comes first"):
        accepted(client, 4)
    assert (client.accepted, client.last_seq) == (1, 1)
    for seq in (2, 3, 4):
        accepted(client, seq).set_result(Ran(seq, seq, []))
    await settle()
    assert client.last_seq == 4


async def test_what_was_refused_behind_others_is_no_repetition_when_they_have_been_run() -> None:
    client = Client()
    first, second = accepted(client, 1), accepted(client, 2)
    second.set_exception(NotDurable("refused at the door"))
    await settle()
    first.set_result(Ran(1, 1, []))
    await settle()
    assert client.is_repetition(1)
    assert not client.is_repetition(2)
    accepted(client, 2).set_result(Ran(2, 2, []))
    await settle()
    assert client.is_repetition(2)


async def test_a_client_that_taught_before_is_known_by_the_ledger() -> None:
    ledger = Progress.of(ServiceState(None, True, {"a": (7, 20)}, {}))
    client = Clients(ledger).get("a")
    assert (client.accepted, client.last_seq, client.repeated(3).result().last_tick) == (7, 7, 20)


async def test_clients_are_known_by_name_until_many_others_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_CLIENTS", 2)
    known = Clients()
    a, b = known.get("a"), known.get("b")
    assert known.get("a") is a
    known.get("c")
    assert known.get("a") is a
    assert known.get("b") is not b
    assert known.get(None) is not known.get(None)
