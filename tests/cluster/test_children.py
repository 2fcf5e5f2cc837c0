"""Children whose parents are of another shard: no parent is deleted under one, whatever happens at once."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import httpx
import pytest

from service.nets.children import Child, Children
from service.nets.kin import SharedKin
from service.store.keys import deleted_net_key
from tests.cluster.running_shard import COUNT, ThreadShard, name_in
from tests.nets.asking import listed, problem, teach
from tests.nets.test_deletion import put
from tests.nets.test_parents import KNOWN, LINES, OWN, alone, create_children, parent_in, raise_parent, weights_of
from tests.nets.test_rebase import go_over, newer
from tests.redis_server import RedisServer

MakeShard = Callable[..., ThreadShard]
UP, ONE, TWO = name_in(0, COUNT), name_in(1, COUNT), name_in(1, COUNT, 1)


class Family(NamedTuple):
    """Two shards, and a parent that the first one has."""

    of_parent: ThreadShard
    of_children: ThreadShard
    ref: dict[str, str]

    @property
    def snapshot(self) -> str:
        return f"/v1/nets/{UP}/snapshots/{self.ref['snapshot']}"

    def bear(self, name: str) -> httpx.Response:
        asked = {"name": name, "parent": self.ref, "lines": LINES}
        return httpx.post(f"{self.of_children.url}/v1/nets", json=asked)


@pytest.fixture
def family(new_shard: MakeShard) -> Family:
    first, second = (new_shard(number, snapshots_kept=1).start() for number in range(COUNT))
    return Family(first, second, raise_parent(first, UP))


def test_a_child_of_another_shards_net_lives_as_any(family: Family) -> None:
    create_children(family.of_children, family.ref, ONE, TWO)
    teach(family.of_children, ONE, OWN)
    parent = parent_in(family.of_parent, family.ref)
    assert weights_of(family.of_children, ONE) == alone(parent, OWN)
    assert weights_of(family.of_children, TWO) == alone(parent)


def test_its_parent_stays_as_long_as_it_is_there(family: Family) -> None:
    client, snapshot = family.of_parent.client, family.snapshot
    client.patch(snapshot, json={"kept": False}).raise_for_status()
    create_children(family.of_children, family.ref, ONE)
    assert client.get(snapshot).json()["kept"]
    for refused in (
        client.delete(f"/v1/nets/{UP}"),
        client.delete(snapshot),
        client.patch(snapshot, json={"kept": False}),
    ):
        assert problem(refused) == (409, "conflict")
        assert "it has 1" in refused.json()["detail"]
    for _ in range(2):
        teach(family.of_parent, UP, "more")
        client.post(f"/v1/nets/{UP}/snapshots", json={"kept": False}).raise_for_status()
    assert client.get(snapshot).json()["kept"]
    assert family.of_children.client.delete(f"/v1/nets/{ONE}").status_code == 204
    assert client.delete(snapshot).status_code == 204
    assert client.delete(f"/v1/nets/{UP}").status_code == 204
    refused = family.bear(TWO)
    assert problem(refused) == (422, "invalid")
    assert refused.json()["errors"][0]["pointer"] == "/parent/net"


DELETIONS = [("DELETE", ""), pytest.param("DELETE", "snapshot", marks=pytest.mark.long), ("PATCH", "snapshot")]


@pytest.mark.parametrize(("method", "what"), DELETIONS)
def test_one_that_is_made_while_its_parent_is_deleted(
    family: Family, monkeypatch: pytest.MonkeyPatch, method: str, what: str
) -> None:
    """Its parent's shard has looked for children, and found none, when it is made."""
    made: list[httpx.Response] = []
    look = Children.family

    async def look_and_bear(self: Children, net: str, snapshot: str | None = None) -> set[Child]:
        found = await look(self, net, snapshot)
        if not made:
            made.append(await asyncio.to_thread(family.bear, ONE))
        return found

    monkeypatch.setattr(Children, "family", look_and_bear)
    path = family.snapshot if what else f"/v1/nets/{UP}"
    refused = family.of_parent.client.request(method, path, json={"kept": False} if method == "PATCH" else None)
    assert (problem(refused), made[0].status_code) == ((409, "conflict"), 201)
    assert family.of_parent.client.get(family.snapshot).json()["kept"]
    assert teach(family.of_children, ONE, KNOWN).status_code == 200
    assert teach(family.of_parent, UP, KNOWN).status_code == 200


POINTERS = [pytest.param("", "/parent/net", marks=pytest.mark.long), ("snapshot", "/parent/snapshot")]


@pytest.mark.parametrize(("what", "pointer"), POINTERS)
def test_one_whose_parent_was_deleted_meanwhile_is_not_made(
    family: Family, monkeypatch: pytest.MonkeyPatch, what: str, pointer: str
) -> None:
    """It has read its parent, and its key is not put, when that is deleted."""
    add, path = SharedKin.add, family.snapshot if what else f"/v1/nets/{UP}"

    async def delete_and_add(self: SharedKin, child: Child) -> None:
        deleted = await asyncio.to_thread(httpx.delete, family.of_parent.url + path)
        assert deleted.status_code == 204
        await add(self, child)

    monkeypatch.setattr(SharedKin, "add", delete_and_add)
    refused = family.bear(ONE)
    assert problem(refused) == (422, "invalid")
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert ONE not in listed(family.of_children)
    assert family.of_parent.client.delete(f"/v1/nets/{UP}").status_code == (204 if what else 404)


def test_one_that_was_to_go_over_to_what_was_deleted_meanwhile_stays(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_children(family.of_children, family.ref, ONE)
    teach(family.of_children, ONE, OWN)
    add, after = SharedKin.add, newer(family.of_parent, UP)

    async def delete_and_add(self: SharedKin, child: Child) -> None:
        path = f"/v1/nets/{UP}/snapshots/{after['snapshot']}"
        assert (await asyncio.to_thread(httpx.delete, family.of_parent.url + path)).status_code == 204
        await add(self, child)

    monkeypatch.setattr(SharedKin, "add", delete_and_add)
    refused = family.of_children.client.patch(f"/v1/nets/{ONE}", json={"parent": after})
    assert problem(refused) == (422, "invalid")
    assert refused.json()["errors"][0]["pointer"] == "/parent/snapshot"
    assert weights_of(family.of_children, ONE) == alone(parent_in(family.of_parent, family.ref), OWN)
    assert problem(family.of_parent.client.delete(family.snapshot)) == (409, "conflict")


@pytest.mark.long
def test_one_that_may_not_go_back_now_still_needs_its_old_parent(
    family: Family, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parent's net is about to be deleted, which is taken back, since it has children."""
    create_children(family.of_children, family.ref, ONE)
    family.of_children.client.post(f"/v1/nets/{ONE}/snapshots").raise_for_status()  # which is kept
    go_over(family.of_children, ONE, newer(family.of_parent, UP))
    add = SharedKin.add

    async def mark_and_add(self: SharedKin, child: Child) -> None:
        await asyncio.to_thread(put, redis_server.url, deleted_net_key(UP))
        await add(self, child)

    monkeypatch.setattr(SharedKin, "add", mark_and_add)
    refused = family.of_children.client.patch(f"/v1/nets/{ONE}", json={"parent": family.ref})
    assert problem(refused) == (422, "invalid")
    assert problem(family.of_parent.client.delete(family.snapshot)) == (409, "conflict")


def test_a_deletion_that_a_crash_has_left_is_taken_back(
    new_shard: MakeShard, family: Family, redis_server: RedisServer
) -> None:
    """The key says that it is deleted, and its child has come in between, as nobody saw."""
    create_children(family.of_children, family.ref, ONE)
    family.of_parent.terminate()
    put(redis_server.url, deleted_net_key(UP))
    again = new_shard(0).start()
    assert UP in listed(again)
    assert problem(again.client.delete(f"/v1/nets/{UP}")) == (409, "conflict")
