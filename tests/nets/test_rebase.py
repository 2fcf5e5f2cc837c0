"""Children that go on over another parent: what they keep, and what they see. Kills are in test_rebase_kills.py."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.sync.client import connect

from realnet import DendriteLearner
from realnet.dendrites.family import child_of, rebase
from realnet.dendrites.parent import Parent
from service.auth.keys import Scope, create_key
from service.auth.share import Share
from tests.api.asking import until
from tests.nets.asking import create, hash_of, numbers, problem, state_of, teach
from tests.nets.test_deletion import keys_of
from tests.nets.test_parents import (
    KNOWN,
    LINES,
    OWN,
    bits,
    create_children,
    parent_in,
    raise_parent,
    weights_of,
)
from tests.running_server import RunningServer, ThreadServer

MakeServer = Callable[..., ThreadServer]
NEWS = "".join(f"since then it is known that {i} makes {i + 77}.\n" for i in range(12))


def newer(server: RunningServer, name: str = "up", text: str = NEWS) -> dict[str, str]:
    """Have a parent live on, and return what its children may go over to."""
    teach(server, name, text)
    taken = server.client.post(f"/v1/nets/{name}/snapshots").raise_for_status().json()
    return {"net": name, "snapshot": taken["id"]}


def go_over(server: RunningServer, name: str, parent: dict[str, str]) -> dict[str, Any]:
    told = server.client.patch(f"/v1/nets/{name}", json={"parent": parent}).raise_for_status().json()
    assert {"net": told["parent"]["net"], "snapshot": told["parent"]["snapshot"]} == parent
    return dict(told)


def rebased(server: RunningServer, **request: object) -> dict[str, Any]:
    """Have children go over by a job of the net `up`, and return its result."""
    asked = server.client.post("/v1/nets/up/jobs/rebase-children", json=request)
    assert asked.status_code == 202, asked.text
    path = asked.headers["location"]
    with server.client.stream("GET", f"{path}/events") as events:
        assert '"succeeded"' in "".join(events.iter_lines())
    return dict(server.client.get(path).json()["result"])


def born(parent: Parent) -> DendriteLearner:
    child = child_of(parent, LINES)
    child.net.forget()
    return child


def read(child: DendriteLearner, text: str) -> None:
    child.run(np.frombuffer(text.encode(), np.uint8), outputs="none")


def parent_keys(url: str, name: str) -> list[str]:
    """Return the snapshots of `up` that a child may need."""
    keys = [key.split("/") for key in keys_of(url, "nets/_children/")]
    return [snapshot for *_, net, snapshot, child in keys if (net, child) == ("up", name)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    server = ThreadServer(tmp_path_factory.mktemp("rebase"))
    raise_parent(server.start())
    yield server
    server.close()


@pytest.fixture(scope="module")
def first(server: ThreadServer) -> dict[str, str]:
    return {"net": "up", "snapshot": "00000001"}


@pytest.fixture(scope="module")
def second(server: ThreadServer, first: dict[str, str]) -> dict[str, str]:
    return newer(server)


def test_it_keeps_its_own_and_sees_what_is_new(
    server: ThreadServer, first: dict[str, str], second: dict[str, str]
) -> None:
    create_children(server, first, "lives", "stays")
    alone = born(parent_in(server, first))
    path, once = "/v1/nets/lives/inputs", {"Idempotency-Key": "a"}
    server.client.post(path, params={"wait": "true"}, json={"text": OWN}, headers=once).raise_for_status()
    read(alone, OWN)
    teach(server, "stays", OWN)
    before = server.client.get("/v1/nets/lives/net").json()
    with connect(f"ws://127.0.0.1:{server.port}/v1/nets/lives/stream") as socket:
        socket.recv()
        go_over(server, "lives", second)
        rebase(alone, parent_in(server, second))
        after = server.client.get("/v1/nets/lives/net", params={"hash": "true"}).json()
        assert (after["tick"], after["tokens_seen"]) == (before["tick"], before["tokens_seen"])
        assert after["weights_sha256"] == alone.checkpoint().weights_sha256()
        server.client.post(path, params={"wait": "true"}, json={"text": OWN}, headers=once).raise_for_status()
        assert server.client.get("/v1/nets/lives/net").json()["tick"] == before["tick"]  # learnt once
        socket.ping().wait(5.0)  # it is still open
    assert bits(server, "lives", NEWS[:200]) < 0.7 * bits(server, "stays", NEWS[:200])
    assert bits(server, "lives", OWN[:200]) < 1.2 * bits(server, "stays", OWN[:200])
    whole = hash_of(server, "lives")
    go_over(server, "lives", second)  # once more, and nothing happens
    assert hash_of(server, "lives") == whole


@pytest.mark.long
def test_it_is_what_it_was_when_it_wakes(new_server: MakeServer, store_url: str) -> None:
    server = new_server(store=store_url, nets_hot=1).start()
    ref = raise_parent(server)
    create_children(server, ref, "one", "two")
    teach(server, "one", OWN)
    teach(server, "one", "in a session", session="mine")
    after = newer(server)
    go_over(server, "one", after)
    teach(server, "one", "goes on", session="mine")
    before = hash_of(server, "one")
    hash_of(server, "two")
    assert state_of(server, "one") == "cold"
    assert hash_of(server, "one") == before
    teach(server, "one", KNOWN[:50])
    before = hash_of(server, "one")
    server.terminate()
    server = new_server(store=store_url).start()
    assert hash_of(server, "one") == before
    assert hash_of(server, "two") != before


@pytest.mark.long
def test_children_that_wake_by_the_journal_alone(new_server: MakeServer, tmp_path: Path) -> None:
    """Also through several parents, and through restores before and after they have gone over."""
    server = new_server(store=f"file://{tmp_path}/a", snapshots_kept=1).start()
    ref = raise_parent(server)
    create_children(server, ref, "one")
    teach(server, "one", OWN, session="mine")
    saved = server.client.post("/v1/nets/one/snapshots").json()["id"]  # which is kept
    teach(server, "one", "undone")
    restore = f"/v1/nets/one/snapshots/{saved}/restore"
    server.client.post(restore).raise_for_status()
    hashes = [hash_of(server, "one")]
    for text in (NEWS, "and more. " * 20):
        go_over(server, "one", newer(server, text=text))
        teach(server, "one", "it lives on", session="mine")
        hashes.append(hash_of(server, "one"))
    server.client.post(restore).raise_for_status()
    teach(server, "one", "again", session="mine")
    hashes.append(hash_of(server, "one"))
    assert len(set(hashes)) == 4
    shutil.copytree(tmp_path / "a", tmp_path / "b", ignore=shutil.ignore_patterns(".*"))  # as a kill leaves it
    assert hash_of(new_server(store=f"file://{tmp_path}/b").start(), "one") == hashes[-1]


def test_a_restored_snapshot_is_over_the_new_parent(
    server: ThreadServer, first: dict[str, str], second: dict[str, str]
) -> None:
    create_children(server, first, "back")
    teach(server, "back", OWN)
    taken = server.client.post("/v1/nets/back/snapshots").json()
    alone = born(parent_in(server, first))
    read(alone, OWN)
    teach(server, "back", "is undone")
    go_over(server, "back", second)
    assert server.client.get(f"/v1/nets/back/self?since={taken['id']}").status_code == 200
    server.client.post(f"/v1/nets/back/snapshots/{taken['id']}/restore").raise_for_status()
    rebase(alone, parent_in(server, second))
    assert weights_of(server, "back") == alone.checkpoint().weights_sha256()


def test_the_old_parent_goes_when_nothing_that_is_kept_needs_it(new_server: MakeServer, tmp_path: Path) -> None:
    server, store_url = new_server().start(), f"file://{tmp_path}/data"
    ref = raise_parent(server)
    create_children(server, ref, "one", "two")
    teach(server, "one", OWN)
    kept = server.client.post("/v1/nets/one/snapshots").json()["id"]
    loose = server.client.post("/v1/nets/one/snapshots", json={"kept": False}).json()["id"]
    hash_of(server, "two")
    of_one = numbers(server)["realnet_nets_parents_bytes"][""]
    go_over(server, "one", after := newer(server))
    assert numbers(server)["realnet_nets_parents_bytes"][""] > 1.5 * of_one
    old, new = (f"/v1/nets/up/snapshots/{each['snapshot']}" for each in (ref, after))
    assert sorted(parent_keys(store_url, "one")) == [ref["snapshot"], after["snapshot"]]
    assert "it has 2" in server.client.delete(old).json()["detail"]
    go_over(server, "two", after)
    until(lambda: numbers(server)["realnet_nets_parents_bytes"][""] < 1.5 * of_one)
    assert parent_keys(store_url, "two") == [after["snapshot"]]
    assert "it has 1" in server.client.delete(old).json()["detail"]  # for the sake of what is kept
    server.client.patch(f"/v1/nets/one/snapshots/{kept}", json={"kept": False}).raise_for_status()
    before = hash_of(server, "one")
    assert server.client.delete(old).status_code == 204
    refused = server.client.post(f"/v1/nets/one/snapshots/{loose}/restore")
    assert problem(refused) == (409, "conflict")
    assert "its parent is" in refused.json()["detail"]
    assert hash_of(server, "one") == before
    assert "it has 2" in server.client.delete(new).json()["detail"]
    assert "it has 2" in server.client.delete("/v1/nets/up").json()["detail"]
    server.terminate()
    assert hash_of(new_server(store=store_url).start(), "one") == before


def test_all_children_of_a_snapshot_go_over_in_one_job(
    server: ThreadServer, first: dict[str, str], second: dict[str, str]
) -> None:
    ref, after = first, second
    create_children(server, ref, "c-1", "c-2", "c-3", "d")
    for name in ("c-1", "c-3"):
        teach(server, name, f"{name} knows itself")
    server.client.patch("/v1/nets/c-3/net", json={"paused": True}).raise_for_status()
    result = rebased(server, snapshot=after["snapshot"], children=["c-*"], of=ref)
    assert (result["children"], result["rebased"]) == (3, 2)
    assert result["failed"] == {"c-3": "net c-3 is paused: resume it first"}
    over = {name: server.client.get(f"/v1/nets/{name}").json()["parent"]["snapshot"] for name in ("c-1", "c-3", "d")}
    assert over == {"c-1": after["snapshot"], "c-3": ref["snapshot"], "d": ref["snapshot"]}
    server.client.patch("/v1/nets/c-3/net", json={"paused": False}).raise_for_status()
    result = rebased(server, snapshot=after["snapshot"])
    assert (result["children"], result["failed"]) == (result["rebased"], {})
    assert server.client.get("/v1/nets/d").json()["parent"]["snapshot"] == after["snapshot"]
    hashes = {name: hash_of(server, name) for name in ("c-1", "c-2", "c-3")}
    assert hashes["c-1"] != hashes["c-3"] != hashes["c-2"]


def test_a_parent_of_another_name_or_of_the_same_bits(server: ThreadServer, first: dict[str, str]) -> None:
    create_children(server, first, "moves")
    teach(server, "moves", OWN)
    before = hash_of(server, "moves")
    data = server.client.get("/v1/nets/up/snapshots/00000001/data").content
    octets = {"content-type": "application/octet-stream"}
    same = server.client.post("/v1/nets/up/snapshots/upload", content=data, headers=octets).json()["id"]
    go_over(server, "moves", first | {"snapshot": same})
    assert hash_of(server, "moves") == before
    assert "it has 1" in server.client.delete(f"/v1/nets/up/snapshots/{same}").json()["detail"]
    go_over(server, "moves", raise_parent(server, "other", NEWS))
    assert hash_of(server, "moves") != before
    assert server.client.delete(f"/v1/nets/up/snapshots/{same}").status_code == 204
    assert "it has 1" in server.client.delete("/v1/nets/other").json()["detail"]


def test_what_is_refused(server: ThreadServer, first: dict[str, str], second: dict[str, str]) -> None:
    create_children(server, first, "asked")
    create(server, "compact")
    create(server, "standard", variant="standard", max_lines=2**14)
    server.client.post("/v1/nets/standard/snapshots").raise_for_status()
    before = hash_of(server, "asked")

    def refused(name: str, net: str, snapshot: str) -> tuple[int, str]:
        answer = server.client.patch(f"/v1/nets/{name}", json={"parent": {"net": net, "snapshot": snapshot}})
        assert problem(answer)[0] == answer.status_code
        body = answer.json()
        return answer.status_code, body["errors"][0]["pointer"] if "errors" in body else body["detail"]

    assert refused("asked", "none", "00000001") == (422, "/parent/net")
    assert refused("asked", "up", "00000099") == (422, "/parent/snapshot")
    assert refused("asked", "standard", "00000001") == (422, "/parent")
    assert refused("none", "up", second["snapshot"])[0] == 404
    assert refused("default", "up", second["snapshot"])[0] == 409
    assert refused("compact", "up", second["snapshot"]) == (
        409,
        "net compact is no child: it has no parent in whose place another could be",
    )
    assert hash_of(server, "asked") == before
    path = "/v1/nets/up/jobs/rebase-children"
    for body, pointer in (
        ({"snapshot": "00000099"}, "/parent/snapshot"),
        ({"snapshot": second["snapshot"], "children": ["none"]}, "/children/0"),
        ({"snapshot": second["snapshot"], "children": []}, "/children"),
    ):
        answer = server.client.post(path, json=body)
        assert problem(answer) == (422, "invalid")
        assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_key_is_for_all_nets_that_it_names(new_server: MakeServer, tmp_path: Path) -> None:
    everything = create_key(tmp_path / "keys", "all", Scope.ADMIN)
    some = create_key(tmp_path / "keys", "some", Scope.ADMIN, share=Share(nets=("up", "c-*")))
    server = new_server(keys_file=tmp_path / "keys")
    server.client.headers["authorization"] = f"Bearer {everything}"
    ref = raise_parent(server.start())
    create_children(server, ref, "c-1", "d-1")
    after, other = newer(server), {"net": "other", "snapshot": "00000001"}  # whether or not it is there
    server.client.headers["authorization"] = f"Bearer {some}"
    patch, path = server.client.patch, "/v1/nets/up/jobs/rebase-children"
    assert patch("/v1/nets/d-1", json={"parent": after}).status_code == 403
    assert patch("/v1/nets/c-1", json={"parent": other}).status_code == 403
    asked = {"snapshot": after["snapshot"], "children": ["d-1"]}
    assert server.client.post(path, json=asked).status_code == 403
    assert rebased(server, snapshot=after["snapshot"])["children"] == 1
    server.client.headers["authorization"] = f"Bearer {everything}"
    over = [server.client.get(f"/v1/nets/{name}").json()["parent"]["snapshot"] for name in ("c-1", "d-1")]
    assert over == [after["snapshot"], ref["snapshot"]]
    for name, by, status in (("c-1", some, 200), ("d-1", some, 403), ("d-1", everything, 200)):
        body, headers = {"consent": {"merge": True}}, {"authorization": f"Bearer {by}"}
        assert patch(f"/v1/nets/{name}", json=body, headers=headers).status_code == status
    for parent, child in (("up", "d-1"), ("default", "c-1")):
        asked = {"snapshot": "00000001", "children": [child]}
        refused = server.client.post(
            f"/v1/nets/{parent}/jobs/merge-children", json=asked, headers={"authorization": f"Bearer {some}"}
        )
        assert refused.status_code == 403
