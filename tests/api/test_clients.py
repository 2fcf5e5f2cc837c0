"""What is remembered of a client: a repeated message is known, one that failed may come again."""

import asyncio
import time

import msgspec
import numpy as np
import pytest

from realnet.inputs import Input
from service.api.idempotency import IdempotencyKeys
from service.api.senders import content_digest
from service.api.stream.clients import Batch, Client, Clients
from service.engine.commands import Ran, Run
from service.errors import Invalid, Limited, NotDurable
from service.journal.records import InputRecord
from service.replica.progress import Progress, ProgressState
from service.replica.senders import CLIENT_SECONDS, Learnt, SenderTable

pytestmark = pytest.mark.anyio


def accepted(client: Client, seq: int, token: int = 0) -> "asyncio.Future[Ran]":
    return accepted_together(client, [seq], token)


def accepted_together(client: Client, seqs: list[int], token: int = 0) -> "asyncio.Future[Ran]":
    batch = Batch.of([(seq, tokens(token)) for seq in seqs], learn=True)
    client.accept(batch)
    return batch.run.reply


def tokens(*ids: int) -> Input:
    return Input(tokens=np.array(ids, np.int32))


def repetition(client: Client, seq: int, token: int = 0) -> "asyncio.Future[Ran]":
    """The reply to a repetition."""
    assert not client.is_new(seq)
    return client.repetition(seq, content_digest(tokens(token), learn=True))


async def settle() -> None:
    """Let the callbacks of futures run."""
    await asyncio.sleep(0)


async def test_the_last_seq_is_the_last_that_was_run() -> None:
    client = Client()
    first, second = accepted(client, 1), accepted(client, 4)
    assert (client.accepted, client.last_seq) == (4, 0)
    assert repetition(client, 4) is second
    first.set_result(Ran(1, 10, []))
    await settle()
    assert (client.accepted, client.last_seq) == (4, 1)
    second.set_result(Ran(11, 12, []))
    await settle()
    assert (client.accepted, client.last_seq) == (4, 4)
    assert repetition(client, 1).result().last_tick == 12
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
    assert not client.is_new(1)
    assert client.is_new(2)
    accepted(client, 2).set_result(Ran(2, 2, []))
    await settle()
    assert not client.is_new(2)


async def test_other_content_under_a_seq_is_refused_while_it_is_on_its_way_and_while_it_is_the_last() -> None:
    client = Client()
    replies = [accepted(client, seq, seq) for seq in (1, 2)]
    for done in (False, True):
        with pytest.raises(Invalid, match="/seq: it was used for another input"):
            repetition(client, 2, 9)
        assert repetition(client, 2, 2)
        if not done:
            for tick, reply in enumerate(replies):
                reply.set_result(Ran(tick, tick, []))
            await settle()
    assert repetition(client, 1, 9)  # of older ones only the number is known


async def test_what_was_refused_may_come_again_with_other_content() -> None:
    client = Client()
    accepted(client, 1).set_exception(NotDurable("full"))
    await settle()
    assert client.is_new(1)


async def test_a_seq_far_below_the_last_is_no_repetition() -> None:
    """Of a client that has jumped to the end of the numbers nothing is silently dropped."""
    client = Client(last_seq=2**53 - 1)
    assert repetition(client, 2**53 - 1 - 2**32)
    with pytest.raises(Invalid, match="/seq: far below 9007199254740991"):
        repetition(client, 8)


async def test_a_client_is_one_for_all_its_streams_and_goes_on_from_the_table_when_all_have_ended() -> None:
    progress = Progress.of(ProgressState())
    clients = Clients(progress.clients, 10)
    client = clients.get("", "a")
    assert clients.get("", "a") is client
    assert clients.get("", None) is not clients.get("", None)
    progress.note(InputRecord(0, 1.0, 2, client="a", client_seq=5, digest="d", at=time.time(), space=""), 2)
    reply = accepted(client, 5)
    del client
    assert clients.get("", "a").running  # it is on its way
    reply.set_result(Ran(1, 2, []))
    del reply
    await settle()
    again = clients.get("", "a")
    assert (again.running, again.last_seq, again.tick, again.digest) == ({}, 5, 2, "d")


async def test_clients_of_a_snapshot_and_of_a_journal_from_before_shares_are_known() -> None:
    progress = Progress.of(ProgressState(clients={"alice/a": (7, 20)}))
    progress.note(InputRecord(20, 1.0, 1, client="alice/b", client_seq=3), 21)
    progress = Progress.of(msgspec.msgpack.decode(msgspec.msgpack.encode(progress.state()), type=ProgressState))
    clients = Clients(progress.clients, 1)
    for name, seq, tick in (("a", 7, 20), ("b", 3, 21)):
        client = clients.get("alice/", name)
        assert (client.accepted, client.last_seq, repetition(client, seq).result().last_tick) == (
            seq,
            seq,
            tick,
        )  # its content is not known
    progress.note(InputRecord(21, 1.0, 1, client="alice/a", client_seq=8, at=1e9, space="alice/"), 22)
    shares = progress.clients.shares()
    assert {space: list(names) for space, names in shares.items()} == {None: ["alice/b"], "alice/": ["alice/a"]}


async def test_a_key_of_a_snapshot_from_before_shares_is_known_with_its_longer_digest() -> None:
    before = Learnt("836f1457dac344e33408c8dc9be39bd7", 3, 3, time.time())
    progress = Progress.of(ProgressState(keys={"alice/invoice": before}))
    keys = IdempotencyKeys(progress.keys, 1)
    run = Run(Input(tokens=np.array([104], np.int32)))
    digest = content_digest(run.given, run.learn)
    assert keys.begin("alice/", "invoice", run, digest) == before
    with pytest.raises(Invalid, match="another body"):
        keys.begin("alice/", "invoice", run, "0" * 16)
    assert keys.begin("bob/", "invoice", run, digest) is None


def test_a_server_from_before_shares_does_not_take_a_snapshot_for_one_without_clients() -> None:
    assert (
        not {"clients", "keys"}
        & msgspec.msgpack.decode(msgspec.msgpack.encode(Progress.of(ProgressState()).state())).keys()
    )


async def test_a_new_client_of_a_caller_with_a_full_share_is_refused_and_nobody_is_forgotten() -> None:
    table = SenderTable(CLIENT_SECONDS, {})
    clients = Clients(table, 2)
    a, b, c = (clients.get("alice/", name) for name in "abc")
    replies = [accepted(a, 1), accepted(b, 1)]  # on their way, they have their places
    with pytest.raises(Limited, match="2 clients of one caller are remembered") as limited:
        accepted(c, 1)
    assert limited.value.retry_after == CLIENT_SECONDS
    accepted(a, 2)
    accepted(clients.get("bob/", "c"), 1)
    replies[1].set_exception(NotDurable("full"))
    await settle()
    accepted(c, 1)


async def test_a_batch_is_run_whole_or_comes_again_from_its_first() -> None:
    client = Client()
    first, second = accepted_together(client, [1, 2, 3], 7), accepted_together(client, [5, 6])
    for seq in (1, 2, 3):
        assert repetition(client, seq, 7) is first
    with pytest.raises(Invalid, match="/seq: it was used for another input"):
        repetition(client, 2, 8)
    first.set_exception(NotDurable("full"))
    second.set_exception(NotDurable("full"))
    await settle()
    with pytest.raises(NotDurable, match="seq 1 was not durable and comes first"):
        accepted_together(client, [5, 6])
    accepted_together(client, [1, 2]).set_result(Ran(1, 2, []))
    await settle()
    assert (client.accepted, client.last_seq) == (2, 2)
