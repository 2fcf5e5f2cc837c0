"""Nets of one server through the client: each call of a client is of its net."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from realnet.client import (
    AsyncClient,
    Client,
    Conflict,
    Invalid,
    Limited,
    NetConsent,
    NetEntry,
    NetLimits,
    NotFound,
    RealNetError,
    Server,
)
from realnet.client.nets import NetOptions
from service.api.routes.nets import NetShown, NewNet
from tests.client.stub import refusal, stub
from tests.running_server import RunningServer


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.url) as client:
        yield client


@pytest.fixture
def ada(client: Client) -> Iterator[Client]:
    client.nets.create("ada", variant="fast", max_lines=2**12, tick_hz=0.001)
    yield client.net_named("ada")
    client.nets.delete("ada")


def test_nets_are_made_listed_changed_and_deleted(client: Client) -> None:
    made = client.nets.create("logs", "streams")
    assert (made.name, made.kind, made.state) == ("logs", "streams", "cold")
    for name in ("a.b", "a-c"):
        client.nets.create(name, "frames", inputs=2, outputs=1)
    assert [net.name for net in client.nets.list()] == ["a-c", "a.b", "default", "logs"]
    assert [net.name for net in client.nets.list(prefix="a")] == ["a-c", "a.b"]
    assert client.nets.change("a.b", tick_hz=2).settings == {"inputs": 2, "outputs": 1, "tick_hz": 2}
    assert client.nets.get("a.b").settings["tick_hz"] == 2
    with pytest.raises(Conflict, match="there is a net logs"):
        client.nets.create("logs")
    with pytest.raises(Invalid, match="frames"):
        client.nets.create("other", "frames")
    for name in ("a.b", "a-c", "logs"):
        client.nets.delete(name)
    with pytest.raises(NotFound):
        client.nets.get("logs")
    with pytest.raises(NotFound):
        client.net_named("logs").net()


def test_limits_of_a_net(server: RunningServer, client: Client, ada: Client) -> None:
    assert client.nets.get("ada").limits == NetLimits(None, None, None)
    assert client.nets.change("ada", limits={"rate_ticks": 10}).limits == NetLimits(None, 10, None)
    ada.run("x" * 1000)
    with Client(server.url, net="ada", patience=0) as impatient, pytest.raises(Limited, match="the net ada"):
        impatient.run("x")
    assert client.nets.change("ada", limits={"rate_ticks": None, "snapshots_kept": 2}).limits == NetLimits(
        None, None, 2
    )
    ada.run("x")
    client.nets.create("bob", limits={"rate_requests": 0.5})
    assert client.nets.get("bob").limits == NetLimits(0.5, None, None)
    client.nets.delete("bob")
    assert client.nets.get("default").limits is None


def test_a_child_is_made_of_a_snapshot(client: Client, ada: Client) -> None:
    ada.run("what is known to all")
    saved = ada.snapshots.save("known")
    made = client.nets.create("child", parent=("ada", saved.id), lines=2**12)
    assert made.parent is not None
    assert (made.parent.net, made.parent.snapshot, made.parent.lines) == ("ada", saved.id, 2**12)
    with pytest.raises(Conflict, match="it has 1"):
        ada.snapshots.delete(saved.id)
    assert (made.consent, client.nets.change("child", consent=True).consent) == (NetConsent(False), NetConsent(True))
    assert client.nets.merge("ada", saved.id, ["child"], "merged").cancel().has_ended
    client.nets.change("child", consent=False)
    with pytest.raises(Conflict, match="without consent are child"):
        client.nets.merge("ada", saved.id, ["ch*"])
    newer = ada.snapshots.save()
    over = client.nets.change("child", parent=("ada", newer.id)).parent
    assert over is not None
    assert over.snapshot == newer.id
    assert client.nets.rebase("ada", saved.id, of=("ada", None)).result()["rebased"] == 1
    client.nets.delete("child")


def test_all_of_a_client_is_of_its_net(server: RunningServer, client: Client, ada: Client, tmp_path: Path) -> None:
    text = "to be or not to be"
    ada.run(text)
    with ada.stream(own=True) as stream:
        stream.send(text)
        stream.finish()
        assert sum(outputs.count for outputs in stream) == len(text)
    assert (ada.net().name, ada.net().tokens_seen) == ("ada", 2 * len(text))
    assert client.net().name == "default"
    ada.observe("cpu", values=[1.0])
    assert [stream.name for stream in ada.streams.list()] == ["cpu"]
    saved = ada.snapshots.save("one")
    assert ada.snapshots.download(saved.id, tmp_path / "ada.safetensors").stat().st_size == saved.bytes
    (tmp_path / "book.txt").write_text(text * 20)
    assert ada.jobs.dream(ada.datasets.upload(tmp_path / "book.txt").id).wait().status == "succeeded"
    for of_default in (client.streams, client.snapshots, client.jobs, client.datasets):
        assert of_default.list() == []
    assert client.net().tokens_seen == 0
    assert next(net for net in client.nets.list() if net.name == "ada").state == "hot"
    with Client(server.url, net="ada") as another:
        assert another.net(hash=True).state_sha256 == ada.net(hash=True).state_sha256


@pytest.mark.anyio
async def test_the_net_of_the_environment(server: RunningServer, ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALNET_NET", "ada")
    async with AsyncClient(server.url) as client:
        assert (await client.net()).name == "ada"
        async with client.net_named("default").stream() as stream:
            assert stream.net.name == "default"
        assert (await client.me()).nets == ["*"]


def test_the_net_named_default_is_asked_as_by_a_client_that_knows_no_nets() -> None:
    with stub(*[(200, {}, {"status": "ok"})] * 3) as server, Client(server.url, net="default") as client:
        client.health()
        client.net_named("ada").health()
        with pytest.raises(RealNetError):
            client.net()
        assert [path for _, path, _ in server.asked] == ["/healthz", "/healthz", "/v1/net"]


def test_what_is_of_a_net_is_asked_of_it_and_nothing_else() -> None:
    with stub(*[refusal(409, "conflict")] * 6) as server, Client(server.url, net="ada", patience=0) as client:
        for call in (
            client.net,
            lambda: client.jobs.merge({}),
            client.hive,
            client.me,
            client.nets.list,
            client.links.list,
        ):
            with pytest.raises(Conflict):
                call()
        paths = [path.partition("?")[0] for _, path, _ in server.asked]
    of_ada = ["/v1/nets/ada/net", "/v1/nets/ada/merges", "/v1/hive", "/v1/me", "/v1/nets", "/v1/nets/ada/links"]
    assert paths == of_ada


@pytest.mark.parametrize("name", ["..", "A", "a/b", "a?", ".a", "x" * 65])
def test_what_cannot_be_a_name_is_asked_of_no_server(name: str) -> None:
    for ask in (
        lambda: Server.of("http://127.0.0.1:1", net=name),
        lambda: Client("http://127.0.0.1:1").net_named(name),
        lambda: Client("http://127.0.0.1:1").nets.delete(name),
    ):
        with pytest.raises(RealNetError, match="64 signs"):
            ask()


def test_the_client_knows_all_that_the_server_tells_and_takes() -> None:
    assert set(NetEntry.__struct_fields__) == set(NetShown.model_fields)
    assert set(NetOptions.__annotations__) == NewNet.model_fields.keys() - {"name", "kind"}
