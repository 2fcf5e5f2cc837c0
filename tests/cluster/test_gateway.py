"""A gateway answers as the shard would that has the net, and what is of all nets for all shards."""

import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from realnet.client import JSON, Client, Server, open_stream
from tests.api.asking import BOTH, TEXT, until
from tests.cluster.conftest import Cluster
from tests.cluster.running_shard import COUNT, name_in
from tests.nets.asking import SMALL, create, hash_of, listed, problem, teach

pytestmark = pytest.mark.anyio

NETS = [name_in(shard, COUNT) for shard in range(COUNT)]


@pytest.fixture(scope="module", autouse=True)
def nets(cluster: Cluster) -> None:
    create(cluster.gateway, *NETS)


def test_what_is_asked_of_a_net_is_answered_by_its_shard(cluster: Cluster) -> None:
    for shard, name in enumerate(NETS):
        assert teach(cluster.gateway, name, TEXT).status_code == 200
        assert hash_of(cluster.gateway, name) == hash_of(cluster.shards[shard], name)
        for path in ("sessions", "snapshots", "nowhere", "jobs/00000001", "net/explain?context=the%20c"):
            asked = [each.client.get(f"/v1/nets/{name}/{path}") for each in (cluster.gateway, cluster.shards[shard])]
            told = [(each.status_code, each.headers["content-type"], each.json()) for each in asked]
            assert told[0] == told[1], path
        assert cluster.shards[1 - shard].client.get(f"/v1/nets/{name}/net").status_code == 421


def test_the_limits_of_a_net_are_kept_by_its_shard(cluster: Cluster) -> None:
    def limit(rate: float | None) -> Any:
        changed = cluster.gateway.client.patch(f"/v1/nets/{NETS[1]}", json={"limits": {"rate_ticks": rate}})
        return changed.raise_for_status().json()["limits"]["rate_ticks"]

    assert limit(10) == 10
    assert teach(cluster.gateway, NETS[1], TEXT).status_code == 200
    for each in (cluster.gateway, cluster.shards[1]):
        limited = teach(each, NETS[1], "a")
        assert problem(limited) == (429, "limited")
        assert int(limited.headers["retry-after"]) > 10
    assert limit(None) is None
    assert teach(cluster.gateway, NETS[1], "a").status_code == 200


def test_bodies_pass_both_ways_as_they_come(cluster: Cluster) -> None:
    ask, net = cluster.gateway.client, f"/v1/nets/{NETS[0]}"
    large = (TEXT * 300).encode()  # more than a gateway keeps of a body
    uploaded = ask.post(f"{net}/datasets", files={"file": ("text.txt", large)})
    assert uploaded.status_code == 201
    assert uploaded.headers["location"] == f"{net}/datasets/{uploaded.json()['id']}"
    assert uploaded.json()["items"] > 0
    in_pieces = (piece.encode() for piece in ('{"te', 'xt": "', "in pieces" * 9_000, '"}'))
    asked: Any = {"content": in_pieces, "headers": {"Content-Type": "application/json"}}
    refused = ask.post(f"{net}/inputs", **asked)
    assert problem(refused) == (422, "invalid")  # it is too long: the shard has read all of it
    too_large = ask.post(f"{net}/inputs", content=b" " * (8 * 2**20 + 1), headers={"Content-Type": "application/json"})
    assert problem(too_large) == (413, "too-large")
    pieces = []
    with ask.stream("POST", f"{net}/generate", json={"prompt": "a", "max_tokens": 50, "stream": True}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        pieces = [line for line in answer.iter_lines() if line.startswith("data:")]
    assert len(pieces) > 1
    saved = ask.post(f"{net}/snapshots", json={})
    assert (saved.status_code, saved.headers["location"]) == (201, f"{net}/snapshots/00000001")


def test_a_generation_ends_when_its_client_leaves(cluster: Cluster) -> None:
    ask, path = cluster.gateway.client, f"/v1/nets/{NETS[1]}/generate"
    with ask.stream("POST", path, json={"prompt": "a", "max_tokens": 2**22, "stream": True}) as answer:
        lines = answer.iter_lines()
        next(lines)
        assert problem(ask.post(path, json={"prompt": "a"})) == (429, "overloaded")  # there is one place
    until(lambda: ask.post(path, json={"prompt": "a"}).status_code == 200)


@BOTH
async def test_a_stream_passes_with_both_kinds_of_frames(cluster: Cluster, subprotocol: str) -> None:
    server = Server(cluster.gateway.url, net=NETS[0])
    heard = 0
    async with open_stream(server, f"of-{subprotocol}", subprotocol=subprotocol, outputs="full") as stream:
        assert stream.connection.subprotocol == subprotocol
        await stream.send_input(text=TEXT)
        while heard < len(TEXT):
            message = await anext(stream)
            heard += len(message["tick"]) if message["type"] == "outputs" else 0


async def test_how_a_stream_ends_passes_both_ways(cluster: Cluster) -> None:
    url = f"ws{cluster.gateway.url.removeprefix('http')}/v1/nets/{NETS[0]}/stream"
    async with connect(url, subprotocols=[JSON], compression=None) as stream:  # type: ignore[list-item]
        await stream.recv()
        await stream.send(b"binary")
        with pytest.raises(ConnectionClosed) as closed:
            await stream.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1003, "JSON comes in text frames")
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{url}?outputs=all", compression=None)
    assert refused.value.response.status_code == 422
    assert json.loads(refused.value.response.body or b"")["errors"][0]["parameter"] == "outputs"
    with pytest.raises(InvalidStatus) as nowhere:
        await connect(url.replace(NETS[0], "nobody"), compression=None)
    assert nowhere.value.response.status_code == 404
    shard = cluster.shards[0]
    async with connect(url, compression=None) as stream:
        await stream.recv()
        assert 'realnet_gateway_streams{shard="0"} 1.0' in cluster.gateway.client.get("/metrics").text
    until(lambda: 'realnet_gateway_streams{shard="0"} 0.0' in cluster.gateway.client.get("/metrics").text)
    assert shard.client.get("/healthz").status_code == 200


def test_lists_are_of_all_shards_in_pages(cluster: Cluster) -> None:
    more = [name_in(shard, COUNT, nth) for nth in (1, 2) for shard in range(COUNT)]
    create(cluster.gateway, *more)
    everything = sorted([*NETS, *more, "default"])
    assert listed(cluster.gateway) == everything
    found, after = [], ""
    while True:
        page = cluster.gateway.client.get("/v1/nets", params={"limit": 2, "after": after}).json()
        found += [each["name"] for each in page["data"]]
        if not page["has_more"]:
            break
        after = page["next"]
    assert found == everything
    assert [each["id"] for each in cluster.gateway.client.get("/v1/models").json()["data"]] == everything
    assert problem(cluster.gateway.client.get("/v1/nets", params={"limit": 0})) == (422, "invalid")
    for name in more:
        assert cluster.gateway.client.delete(f"/v1/nets/{name}").status_code == 204


def test_so_many_nets_are_allowed_over_all_shards(cluster: Cluster) -> None:
    ask = cluster.gateway.client
    made = [f"more-{number}" for number in range(12 - len(NETS))]
    create(cluster.gateway, *made)
    full = ask.post("/v1/nets", json={"name": "one-more", **SMALL})
    assert problem(full) == (409, "conflict")
    assert full.json()["detail"] == "there are 12 nets beside default, and no more may be: delete one"
    assert problem(ask.post("/v1/nets", json={"name": "Wrong", **SMALL}))[0] in (409, 422)
    for name in made:
        assert ask.delete(f"/v1/nets/{name}").status_code == 204
    assert problem(ask.post("/v1/nets", content=b"{", headers={"Content-Type": "application/json"})) == (
        400,
        "malformed",
    )
    assert problem(ask.post("/v1/nets", json={"name": NETS[0]})) == (409, "conflict")


def test_a_model_is_the_net_of_that_name(cluster: Cluster) -> None:
    ask = cluster.gateway.client
    for name in NETS:
        said = ask.post("/v1/completions", json={"model": name, "prompt": "the ", "max_tokens": 4})
        assert (said.status_code, said.json()["model"]) == (200, name)
        assert ask.get(f"/v1/models/{name}").json()["id"] == name
        assert ask.get(f"/v1/nets/{name}/models").json()["data"][0]["id"] == name
    nobody = ask.post("/v1/chat/completions", json={"model": "nobody", "messages": [{"role": "user", "content": "a"}]})
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (404, "model_not_found")
    assert ask.post("/v1/completions", content=b"{", headers={"Content-Type": "application/json"}).status_code == 400


def test_a_gateway_tells_where_the_shards_are(cluster: Cluster) -> None:
    shown = cluster.gateway.client.get("/v1/cluster").json()["shards"]
    assert [each["url"] for each in shown] == [each.url for each in cluster.shards]
    assert all(each["state"] == "ready" and each["epoch"] >= 1 for each in shown)
    assert sum(each["nets"] for each in shown) == len(NETS)
    assert cluster.gateway.client.get("/readyz").status_code == 200
    assert cluster.gateway.client.get("/").status_code == 200
    assert problem(cluster.gateway.client.get("/v1/hive")) == (404, "not-found")
    with Client(cluster.gateway.url) as client:
        assert [each.url for each in client.cluster()] == [each.url for each in cluster.shards]
