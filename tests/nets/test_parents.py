"""Nets with a parent: what they know, what they keep of their own, and what their parent is kept from."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realnet import Checkpoint, DendriteLearner
from realnet.dendrites.family import child_of, freeze
from realnet.dendrites.parent import Parent
from service.auth.keys import Scope, create_key
from service.auth.share import Share
from service.store.keys import CHILDREN, child_key
from tests.api.asking import until
from tests.nets.asking import create, hash_of, listed, numbers, problem, state_of, teach
from tests.nets.test_deletion import keys_of, put
from tests.running_server import ProcessServer, RunningServer, ThreadServer

MakeServer = Callable[..., ThreadServer]
KNOWN = "".join(f"word {i} of what is known to all is {i * i}, and no other.\n" for i in range(12))
OWN = "".join(f"what I am told is {7 * i} and not {i}.\n" for i in range(6))
LINES = 2**12
SMALL = {"variant": "fast", "max_lines": 2**14}


def raise_parent(server: RunningServer, name: str = "up", text: str = KNOWN) -> dict[str, str]:
    """Make a net that knows a text, and return what a child is told of it."""
    create(server, name, **SMALL)
    teach(server, name, text)
    taken = server.client.post(f"/v1/nets/{name}/snapshots").raise_for_status().json()
    return {"net": name, "snapshot": taken["id"]}


def create_children(server: RunningServer, parent: dict[str, str], *names: str) -> None:
    create(server, *names, parent=parent, lines=LINES)


def parent_in(server: RunningServer, ref: dict[str, str]) -> Parent:
    """Return the parent as the library has it of the snapshot."""
    path = f"/v1/nets/{ref['net']}/snapshots/{ref['snapshot']}/data"
    data = server.client.get(path).raise_for_status().content
    return freeze(DendriteLearner.from_checkpoint(Checkpoint.from_bytes(data)))


def alone(parent: Parent, *texts: str) -> str:
    """Return the hash of what a child has learnt that lived through these texts in the library."""
    child = child_of(parent, LINES)
    child.net.forget()
    for text in texts:
        child.run(np.frombuffer(text.encode(), np.uint8), outputs="none")
    return child.checkpoint().weights_sha256()


def weights_of(server: RunningServer, name: str) -> str:
    told = server.client.get(f"/v1/nets/{name}/net", params={"hash": "true"}).raise_for_status().json()
    return str(told["weights_sha256"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    """One with the net `up`, and children of it."""
    server = ThreadServer(tmp_path_factory.mktemp("parents"))
    create_children(server.start(), raise_parent(server), "one", "two")
    yield server
    server.close()


@pytest.fixture(scope="module")
def ref(server: ThreadServer) -> dict[str, str]:
    told = server.client.get("/v1/nets/one").json()["parent"]
    return {"net": told["net"], "snapshot": told["snapshot"]}


def bits(server: RunningServer, name: str, text: str) -> float:
    told = server.client.post(
        f"/v1/nets/{name}/inputs", params={"wait": "true", "outputs": "surprise"}, json={"text": text, "learn": False}
    )
    return float(np.mean([each["surprise"] for each in told.raise_for_status().json()["outputs"]]))


def test_a_child_knows_what_its_parent_knew_and_lives_as_in_the_library(
    server: ThreadServer, ref: dict[str, str]
) -> None:
    parent, before = parent_in(server, ref), weights_of(server, "up")
    assert server.client.get("/v1/nets/one").json()["parent"] == ref | {"sha256": parent.sha256, "lines": LINES}
    create(server, "newborn", **SMALL)
    create_children(server, ref, "third")
    assert bits(server, "third", KNOWN[:300]) < 1 < bits(server, "newborn", KNOWN[:300])
    two = weights_of(server, "two")
    assert teach(server, "one", OWN).status_code == 200
    assert weights_of(server, "one") == alone(parent, OWN)
    assert (weights_of(server, "two"), weights_of(server, "up")) == (two, before)
    assert two == alone(parent)


def test_what_it_was_is_what_it_is_again(new_server: MakeServer, store_url: str) -> None:
    server = new_server(store=store_url, nets_hot=1).start()
    ref = raise_parent(server)
    create_children(server, ref, "one", "two")
    teach(server, "one", OWN)
    before = hash_of(server, "one")
    saved = server.client.post("/v1/nets/one/snapshots").raise_for_status().json()["id"]
    teach(server, "one", "which is undone", session="mine")
    teach(server, "two", OWN)
    assert state_of(server, "one") == "cold"
    restored = server.client.post(f"/v1/nets/one/snapshots/{saved}/restore")
    assert restored.status_code == 200
    assert hash_of(server, "one") == hash_of(server, "two") == before
    teach(server, "one", KNOWN[:50])
    after = hash_of(server, "one")
    server.terminate()
    server = new_server(store=store_url).start()  # by a snapshot, or by a journal with a restore in it
    assert hash_of(server, "one") == after
    assert weights_of(server, "two") == alone(parent_in(server, ref), OWN)


def test_it_is_as_it_was_after_a_kill(new_process: Callable[..., ProcessServer]) -> None:
    server = new_process(journal="always").start()
    ref = raise_parent(server)
    create_children(server, ref, "one", "two")
    for part in (OWN[:60], OWN[60:]):
        teach(server, "one", part)
        server.kill()
        server.start()
    parent = parent_in(server, ref)
    assert weights_of(server, "one") == alone(parent, OWN)
    assert weights_of(server, "two") == alone(parent)
    assert problem(server.client.delete("/v1/nets/up")) == (409, "conflict")


def test_a_parent_is_not_deleted_while_it_has_children(new_server: MakeServer, store_url: str) -> None:
    server = new_server(store=store_url, snapshots_kept=1).start()
    ref = raise_parent(server)
    path = f"/v1/nets/up/snapshots/{ref['snapshot']}"
    assert server.client.patch(path, json={"kept": False}).status_code == 200
    create_children(server, ref, "one", "two")
    assert server.client.get(path).json()["kept"]
    delete, patch = server.client.delete, server.client.patch
    for _ in range(2):
        for refused in (delete("/v1/nets/up"), delete(path), patch(path, json={"kept": False})):
            assert problem(refused) == (409, "conflict")
            assert "it has 2" in refused.json()["detail"]
        for _ in range(2):
            teach(server, "up", "more")
            server.client.post("/v1/nets/up/snapshots", json={"kept": False}).raise_for_status()
        assert server.client.get(path).status_code == 200
        server.terminate()
        server = new_server(store=store_url, snapshots_kept=1).start()
        delete, patch = server.client.delete, server.client.patch
    assert patch(path, json={"name": "the parent"}).status_code == 200
    assert delete("/v1/nets/one").status_code == 204
    assert "it has 1" in delete(path).json()["detail"]
    assert delete("/v1/nets/two").status_code == 204
    assert delete(path).status_code == 204
    assert delete("/v1/nets/up").status_code == 204


def test_a_child_that_was_never_made_keeps_nothing(new_server: MakeServer, store_url: str) -> None:
    server = new_server(store=store_url).start()
    ref = raise_parent(server)
    server.terminate()
    put(store_url, child_key("up", ref["snapshot"], "ghost"))  # as a kill before the manifest leaves it
    server = new_server(store=store_url).start()
    assert server.client.delete("/v1/nets/up").status_code == 204
    assert keys_of(store_url, CHILDREN) == []


def test_the_servers_own_net_has_children(new_server: MakeServer) -> None:
    server = new_server(variant="fast").start()
    server.run(text=KNOWN)
    ref = {"net": "default", "snapshot": server.snapshot()["id"]}
    create(server, "one", parent=ref)
    assert bits(server, "one", KNOWN[:300]) < 1
    assert problem(server.client.delete(f"/v1/snapshots/{ref['snapshot']}")) == (409, "conflict")


def test_all_that_wake_at_once_share_one_copy(new_server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    server = new_server().start()
    ref = raise_parent(server)
    names = [f"child-{number}" for number in range(20)]
    create_children(server, ref, *names)
    server.terminate()

    def counted(learner: DendriteLearner) -> Parent:
        made.append("one")
        return freeze(learner)

    monkeypatch.setattr("service.nets.parents.freeze", counted)
    server = new_server().start()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda name: teach(server, name, OWN[:40]).status_code, names))
    assert answers == [200] * 20
    assert made == ["one"]
    assert numbers(server)["realnet_nets_parents_bytes"][""] == parent_in(server, ref).nbytes


def test_a_parent_goes_with_the_last_of_its_children(new_server: MakeServer) -> None:
    server = new_server(nets_hot=1).start()
    create_children(server, raise_parent(server), "one", "two")
    teach(server, "one", OWN)
    teach(server, "two", OWN)
    assert numbers(server)["realnet_nets_parents_bytes"][""] > 0
    teach(server, "up", OWN)
    until(lambda: numbers(server)["realnet_nets_parents_bytes"][""] == 0)


def test_a_parent_that_is_gone_or_another_is_told(new_server: MakeServer, tmp_path: Path) -> None:
    server = new_server().start()
    ref = raise_parent(server)
    create_children(server, ref, "orphan")
    teach(server, "orphan", OWN)
    raise_parent(server, "other", OWN)
    server.terminate()
    up, other = tmp_path / "data/up", tmp_path / "data/other"
    up.rename(tmp_path / "away")
    server = new_server().start()
    gone = server.client.get("/v1/nets/orphan/net")
    assert problem(gone) == (500, "net-damaged")
    assert f"its parent, snapshot {ref['snapshot']} of the net up, is gone" in gone.json()["detail"]
    server.terminate()
    other.rename(up)
    server = new_server().start()
    another = server.client.get("/v1/nets/orphan/net")
    assert f"its parent, snapshot {ref['snapshot']} of the net up, is another one now" in another.json()["detail"]
    server.terminate()
    up.rename(other)
    (tmp_path / "away").rename(up)
    server = new_server().start()
    assert weights_of(server, "orphan") == alone(parent_in(server, ref), OWN)


REFUSED: list[tuple[str, str, dict[str, Any] | None, str]] = [
    ("POST", "net/grow", {"lines": 2**13}, "a child keeps its size"),
    ("POST", "net/grow", {"contexts": ["words, third"]}, "a child keeps its size"),
    ("POST", "net/shrink", {"lines": 2**12}, "a child keeps its size"),
    ("POST", "jobs/sleep", {}, "a child does not sleep"),
    ("POST", "jobs/fit", {"dataset": "00000001"}, ""),
    ("GET", "merges", None, "neither a compact one nor a child"),
    ("POST", "merges", {"peers": [{"url": "http://127.0.0.1:1"}]}, "neither a compact one nor a child"),
    ("POST", "merges/share", {"ancestor": "0" * 64}, "neither a compact one nor a child"),
    ("POST", "takeovers", {"url": "http://127.0.0.1:1"}, "a child takes no life over"),
]


@pytest.mark.parametrize(("method", "path", "body", "why"), REFUSED)
def test_what_a_child_cannot_do(
    server: ThreadServer, method: str, path: str, body: dict[str, Any] | None, why: str
) -> None:
    before = hash_of(server, "two")
    refused = server.client.request(method, f"/v1/nets/two/{path}", json=body)
    assert problem(refused) == (409, "conflict"), refused.text
    assert why in refused.json()["detail"]
    assert hash_of(server, "two") == before


def test_its_snapshots_are_of_children_only(server: ThreadServer, ref: dict[str, str]) -> None:
    taken = server.client.post("/v1/nets/two/snapshots").json()
    path = f"/v1/nets/two/snapshots/{taken['id']}/data"
    own = server.client.get(path).raise_for_status().content
    small = server.client.get(path, params={"size": 2**18})
    assert problem(small) == (409, "conflict")
    assert "a child keeps its size" in small.json()["detail"]
    whole = server.client.get(f"/v1/nets/up/snapshots/{ref['snapshot']}/data").content
    octets = {"content-type": "application/octet-stream"}
    for name, data in (("up", own), ("two", whole)):
        refused = server.client.post(f"/v1/nets/{name}/snapshots/upload", content=data, headers=octets)
        assert problem(refused) == (422, "invalid")
        assert "its parent is" in refused.json()["errors"][0]["detail"]
    taken_in = server.client.post("/v1/nets/one/snapshots/upload", content=own, headers=octets)
    assert taken_in.status_code == 201
    refused = server.client.post("/v1/nets", json={"name": "x", "parent": {"net": "two", "snapshot": taken["id"]}})
    assert problem(refused) == (422, "invalid")
    assert "nor a child" in refused.json()["errors"][0]["detail"]


def test_what_else_it_does_as_any_net(server: ThreadServer) -> None:
    teach(server, "two", OWN)
    teach(server, "two", OWN, session="mine")
    get, path = server.client.get, "/v1/nets/two"
    taken = server.client.post(f"{path}/snapshots").json()
    teach(server, "two", OWN)
    for each in ("net/expected", "net/matrix", "net/activity", "net/explain?context=word"):
        assert get(f"{path}/{each}").status_code == 200, each
    told = get(f"{path}/self", params={"since": taken["id"], "remember": "true"}).raise_for_status().json()
    assert told["changed"]["still"]["tokens"] > 0 < told["remembers"]["older"]["tokens"]
    asked = {"prompt": "what I", "max_tokens": 8}
    assert server.client.post(f"{path}/generate", json=asked).status_code == 200
    assert server.client.post(f"{path}/generate", json=asked | {"session": "mine"}).status_code == 200
    uploaded = server.client.post(f"{path}/datasets", files={"file": ("a.txt", b"to be dreamt of")}).json()
    job = server.client.post(f"{path}/jobs/dream", json={"dataset": uploaded["id"]})
    with server.client.stream("GET", f"{job.headers['location']}/events") as events:
        assert '"succeeded"' in "".join(events.iter_lines())


WRONG: list[tuple[dict[str, object], str]] = [
    ({"parent": {"net": "none", "snapshot": "00000001"}}, "/parent/net"),
    ({"parent": {"net": "up", "snapshot": "00000099"}}, "/parent/snapshot"),
    ({"parent": {"net": "up", "snapshot": "1"}}, "/parent/snapshot"),
    ({"parent": {"net": "up"}}, "/parent/snapshot"),
    ({"parent": {"net": "up", "snapshot": "00000001"}, "lines": 5000}, "/lines"),
    ({"parent": {"net": "up", "snapshot": "00000001"}, "variant": "fast"}, "/variant"),
    ({"parent": {"net": "up", "snapshot": "00000001"}, "device": "cuda"}, "/device"),
    ({"parent": {"net": "up", "snapshot": "00000001"}, "kind": "streams"}, "/kind"),
    ({"lines": 2**12}, "/lines"),
]


@pytest.mark.parametrize(("body", "pointer"), WRONG)
def test_what_cannot_be_made(server: ThreadServer, body: dict[str, object], pointer: str) -> None:
    before = listed(server)
    refused = server.client.post("/v1/nets", json={"name": "x"} | body)
    assert problem(refused) == (422, "invalid")
    assert [each["pointer"] for each in refused.json()["errors"]] == [pointer]
    assert listed(server) == before


def test_a_compact_net_and_frames_have_no_children(server: ThreadServer) -> None:
    create(server, "compact")
    create(server, "frames", kind="frames", inputs=3, outputs=2)
    for name in ("compact", "frames"):
        taken = server.client.post(f"/v1/nets/{name}/snapshots", json={"kept": False}).json()
        body = {"name": "x", "parent": {"net": name, "snapshot": taken["id"]}}
        refused = server.client.post("/v1/nets", json=body)
        assert problem(refused) == (422, "invalid")
        assert "children" in refused.json()["errors"][0]["detail"]
        assert not server.client.get(f"/v1/nets/{name}/snapshots/{taken['id']}").json()["kept"]
        assert server.client.delete(f"/v1/nets/{name}").status_code == 204


def test_a_key_makes_children_only_of_what_it_is_for(new_server: MakeServer, tmp_path: Path) -> None:
    everything = create_key(tmp_path / "keys", "all", Scope.ADMIN)
    server = new_server(keys_file=tmp_path / "keys")
    server.client.headers["authorization"] = f"Bearer {everything}"
    ref = raise_parent(server.start())
    server.terminate()
    some = create_key(tmp_path / "keys", "some", Scope.ADMIN, share=Share(nets=("customer-*",)))
    server.start()
    server.client.headers["authorization"] = f"Bearer {some}"
    refused = server.client.post("/v1/nets", json={"name": "customer-1", "parent": ref})
    assert problem(refused) == (403, "scope")
