"""Shards that go and come while they are asked through a gateway."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from realnet.client import AsyncClient, errors
from tests.api.asking import until
from tests.cluster.running_gateway import ThreadGateway
from tests.cluster.running_shard import COUNT, ProcessShard, ThreadShard, name_in
from tests.nets.asking import create, hash_of, problem, teach

pytestmark = pytest.mark.anyio

ZERO, ONE = (name_in(shard, COUNT) for shard in range(COUNT))

MakeShard = Callable[..., ThreadShard]
MakeProcess = Callable[..., ProcessShard]
MakeGateway = Callable[..., ThreadGateway]


def counted(gateway: ThreadGateway, name: str) -> float:
    text = gateway.client.get("/metrics").text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"realnet_gateway_{name}"))


def test_what_is_asked_while_a_shard_is_away_waits_for_it(new_shard: MakeShard, new_gateway: MakeGateway) -> None:
    first = new_shard(0).start()
    gateway = new_gateway(nets_wait=20.0).start()
    asked = partial(teach, gateway, ZERO)
    with ThreadPoolExecutor() as clients:
        made = clients.submit(create, gateway, ZERO)  # a limit over all shards asks the one that is not there yet
        new_shard(1).start()
        made.result()
        assert asked("before").status_code == 200
        first.terminate()
        waiting = [clients.submit(asked, "during") for _ in range(3)]
        waiting.append(clients.submit(gateway.client.get, f"/v1/nets/{ZERO}/net"))
        second = new_shard(0).start()
        assert {each.result().status_code for each in waiting} == {200}
    assert hash_of(gateway, ZERO) == hash_of(second, ZERO)
    seen = gateway.client.get(f"/v1/nets/{ZERO}/net").json()["tokens_seen"]
    assert seen == len("before") + 3 * len("during")
    assert counted(gateway, "failed") == 0


def test_one_that_does_not_come_back_is_told_of(new_shard: MakeShard, new_gateway: MakeGateway) -> None:
    shards = [new_shard(shard).start() for shard in range(COUNT)]
    gateway = new_gateway(nets_wait=2.0).start()
    create(gateway, ZERO, ONE)
    shards[0].terminate()
    refused = teach(gateway, ZERO, "lost")
    assert problem(refused) == (503, "not-ready")
    assert int(refused.headers["retry-after"]) >= 1
    assert teach(gateway, ONE, "well").status_code == 200
    assert problem(gateway.client.get("/v1/nets")) == (503, "not-ready")
    assert [each["state"] for each in gateway.client.get("/v1/cluster").json()["shards"]] == ["away", "ready"]
    assert gateway.client.get("/readyz").status_code == 200
    assert counted(gateway, "failed") > 0
    shards[1].terminate()
    until(lambda: gateway.client.get("/readyz").status_code == 503)


async def test_streams_go_on_by_themselves_and_each_input_is_learnt_once(
    new_process: MakeProcess, new_shard: MakeShard, new_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "TRY_AGAIN_SECONDS", 0.05)
    first, _ = new_process(0).start(), new_shard(1).start()
    gateway = new_gateway().start()
    create(gateway, ZERO)
    texts = [f"message {number}" for number in range(300)]
    waits: list[str] = []
    async with (
        AsyncClient(gateway.url, net=ZERO) as client,
        client.stream("one", outputs="none", on_wait=lambda why: waits.append(str(why))) as stream,
    ):
        await stream.send_many(texts[:100])
        await stream.flush()
        first.kill()
        await stream.send_many(texts[100:200])
        second = new_shard(0)
        second.launch()
        await stream.flush(20.0)
        assert waits
        second.terminate()  # in order, as by a drain
        await stream.send_many(texts[200:])
        new_shard(0).launch()
        await stream.flush(20.0)
    seen = gateway.client.get(f"/v1/nets/{ZERO}/net").json()["tokens_seen"]
    assert seen == sum(map(len, texts))


@pytest.mark.long
async def test_a_stream_to_a_frozen_shard_is_told_to_come_again_once_there_is_another(
    new_process: MakeProcess, new_shard: MakeShard, new_gateway: MakeGateway
) -> None:
    first, _ = new_process(0).start(), new_shard(1).start()
    gateway = new_gateway().start()
    create(gateway, ZERO)
    with ThreadPoolExecutor() as clients:
        async with connect(f"ws{gateway.url[4:]}/v1/nets/{ZERO}/stream", compression=None) as stream:
            await stream.recv()
            os.kill(first.pid, signal.SIGSTOP)
            asked = clients.submit(gateway.client.get, f"/v1/nets/{ZERO}/net")
            new_shard(0).launch()
            with pytest.raises(ConnectionClosed) as closed:
                await stream.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        assert asked.result().status_code == 200
        os.kill(first.pid, signal.SIGCONT)
