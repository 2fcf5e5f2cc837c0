"""Servers that follow: of many nets they live the one named default, and all others once they lead."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hive.servers import Servers, hive_of, wait_until
from tests.nets.asking import create, hash_of, listed, problem, teach


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    made = Servers(tmp_path)
    yield made
    made.close()


def test_other_nets_are_the_leader_s_until_another_leads(servers: Servers) -> None:
    leader = servers.leader()
    create(leader, "a")
    follower = servers.follower()
    wait_until(lambda: hive_of(follower)["leader"] == leader.url, "the leader is known")
    assert teach(follower, "a", "sent on").status_code == 200
    before = hash_of(leader, "a")
    refused = follower.client.get("/v1/nets/a/net")
    assert problem(refused) == (409, "follower")
    assert problem(follower.client.get("/v1/nets/a")) == (409, "follower")
    assert follower.client.get("/v1/nets/default/net").status_code == 200
    assert listed(follower) == ["default"]
    create(follower, "b")  # by the leader
    assert listed(leader) == ["a", "b", "default"]
    leader.terminate()
    wait_until(lambda: follower.client.post("/v1/hive/promote").status_code == 200, "it leads")
    assert hash_of(follower, "a") == before
    assert listed(follower) == ["a", "b", "default"]
