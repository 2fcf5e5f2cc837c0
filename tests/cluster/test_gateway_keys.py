"""Keys at a gateway: of those whom it lets in, the shard knows who they are."""

from collections.abc import Callable
from pathlib import Path

from websockets.sync.client import connect
from websockets.typing import Subprotocol

from realnet.client import JSON
from service.api.gateway import KEY_PROTOCOL
from service.auth.keys import Scope, create_key
from service.auth.share import Share
from tests.auth.guarded import bearer
from tests.cluster.running_gateway import ThreadGateway
from tests.cluster.running_shard import COUNT, ThreadShard, name_in
from tests.nets.asking import SMALL, problem

ADMIN = "0" * 64
MakeShard = Callable[..., ThreadShard]
MakeGateway = Callable[..., ThreadGateway]


def test_a_key_is_the_same_at_the_gateway_and_at_the_shard(
    new_shard: MakeShard, new_gateway: MakeGateway, tmp_path: Path
) -> None:
    file = tmp_path / "keys"
    own = create_key(file, "ada", Scope.ADMIN, Share(nets=("net-*",), max_nets=2))
    settings = {"api_key": ADMIN, "keys_file": file, "origins": ("https://example.org",)}
    for shard in range(COUNT):
        new_shard(shard, **settings).launch()
    gateway = new_gateway(**settings)
    gateway.client.headers = bearer(ADMIN)
    ask = gateway.start().client
    names = [name_in(shard, COUNT) for shard in range(COUNT)]

    def made(name: str, key: str) -> int:
        return ask.post("/v1/nets", json={"name": name, **SMALL}, headers=bearer(key)).status_code

    assert made("other", ADMIN) == 201
    assert made("mine", own) == 403
    assert [made(name, own) for name in names] == [201, 201]  # each in a shard of its own
    refused = ask.post("/v1/nets", json={"name": name_in(0, COUNT, 1), **SMALL}, headers=bearer(own))
    assert problem(refused) == (409, "conflict")
    assert refused.json()["detail"] == "the key may have 2 nets, and no more: delete one"
    assert [each["name"] for each in ask.get("/v1/nets", headers=bearer(own)).json()["data"]] == sorted(names)
    assert [each["id"] for each in ask.get("/v1/models", headers=bearer(own)).json()["data"]] == sorted(names)
    assert problem(ask.get("/v1/nets/other/net", headers=bearer(own))) == (403, "scope")
    assert problem(ask.get("/v1/cluster", headers=bearer(own))) == (403, "scope")
    assert problem(ask.get(f"/v1/nets/{names[0]}/net", headers=bearer("1" * 64))) == (401, "unauthorized")
    once = bearer(own) | {"Idempotency-Key": "one"}
    told = [ask.post(f"/v1/nets/{names[0]}/inputs?wait=true", json={"text": "a"}, headers=once) for _ in range(2)]
    assert told[0].raise_for_status().json() == told[1].json()
    assert ask.get(f"/v1/nets/{names[0]}/net").json()["tokens_seen"] == 1
    page = {"Origin": "https://example.org"}
    assert ask.post(f"/v1/nets/{names[0]}/inputs", json={"text": "a"}, headers=page).status_code == 202
    assert problem(ask.post("/v1/inputs", json={"text": "a"}, headers={"Origin": "http://evil.org"}))[0] == 403
    url = f"ws{gateway.url.removeprefix('http')}/v1/nets/{names[1]}/stream"
    with connect(url, subprotocols=[Subprotocol(JSON), Subprotocol(f"{KEY_PROTOCOL}{own}")]) as stream:
        assert stream.subprotocol == JSON
        assert '"hello"' in str(stream.recv())
