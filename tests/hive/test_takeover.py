"""A leader is killed while it is taught: a standby leads, nothing that was acknowledged is lost, and reads go on."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from realnet.client import Client, RealNetError
from service.jobs.runner import JobRunner
from tests.faults.story import IS_SHORT, ROUNDS
from tests.hive.servers import Servers, hive_of, seen_by, wait_until, wait_until_level
from tests.redis_server import RedisServer
from tests.running_server import ProcessServer

KILLS = 1 if IS_SHORT else ROUNDS
MOST_SECONDS = 12.0
TEXT = "the dog sat on the log. "


class Team:
    """Three processes on one Redis: whoever is killed comes back as one that stands by."""

    def __init__(self, directory: Path, url: str) -> None:
        self._directory, self._url = directory, url
        self._made = 0
        self.servers = [self.new(store=url)]
        self.servers += [self.new(follow=url, standby=True) for _ in range(2)]

    def new(self, **settings: object) -> ProcessServer:
        self._made += 1
        directory = self._directory / f"server-{self._made}"
        directory.mkdir()
        return ProcessServer(directory, journal="always", hash_every=500, **settings).start()

    def leader(self) -> ProcessServer | None:
        return next((each for each in self.servers if not each.has_ended and hive_of(each)["role"] == "leader"), None)

    def kill_the_leader(self) -> float:
        """Return how many seconds nobody led."""
        leader = self.leader()
        assert leader is not None
        self.servers.remove(leader)
        leader.kill()
        killed_at = time.monotonic()
        wait_until(self.leader, "another one leads", MOST_SECONDS)
        took = time.monotonic() - killed_at
        leader.close()
        self.servers.append(self.new(follow=self._url, standby=True))
        return took

    def close(self) -> None:
        for server in self.servers:
            server.close()


@pytest.fixture
def team(tmp_path: Path, redis_server: RedisServer) -> Iterator[Team]:
    made = Team(tmp_path, redis_server.url)
    yield made
    made.close()


def test_a_standby_takes_over_and_nothing_that_was_acknowledged_is_lost(team: Team) -> None:
    taught, refused_reads = 0, 0
    ending = threading.Event()

    def teach() -> None:
        """Give each member its turn; an input is counted when one has said that the journal has it."""
        nonlocal taught
        clients: dict[str, Client] = {}
        while not ending.is_set():
            for server in list(team.servers):
                if server.url not in clients:
                    clients[server.url] = Client(server.url, patience=0.5)
                with contextlib.suppress(RealNetError):
                    clients[server.url].send(TEXT, idempotency_key=f"input-{taught}")
                    taught += 1
        for client in clients.values():
            client.close()

    def read() -> None:
        """Ask every member that has not been killed."""
        nonlocal refused_reads
        with httpx.Client(timeout=30.0) as client:
            while not ending.wait(0.02):
                for server in list(team.servers):
                    try:
                        client.post(f"{server.url}/v1/generate", json={"max_tokens": 2}).raise_for_status()
                        client.get(f"{server.url}/v1/net").raise_for_status()
                    except httpx.HTTPError:
                        refused_reads += server in team.servers

    threads = [threading.Thread(target=teach), threading.Thread(target=read)]
    for each in threads:
        each.start()
    try:
        for _ in range(KILLS):
            wait_until(lambda before=taught: taught > before + 20, "something was taught")  # type: ignore[misc]
            assert team.kill_the_leader() <= MOST_SECONDS
            wait_until(lambda before=taught: taught > before + 20, "the new leader is taught")  # type: ignore[misc]
    finally:
        ending.set()
        for each in threads:
            each.join()
    leader = team.leader()
    assert leader is not None
    others = [each for each in team.servers if each is not leader]
    wait_until(lambda: leader.net()["queue_depth"] == 0, "all was learnt")
    assert wait_until_level(leader, *others)
    assert leader.net()["tokens_seen"] in (taught * len(TEXT), (taught + 1) * len(TEXT))  # the last may be under way
    assert refused_reads == 0
    assert all("Traceback" not in each.log for each in team.servers)


def test_of_several_that_stand_by_the_first_leads_and_whoever_ended_comes_back_as_a_follower(servers: Servers) -> None:
    first = servers.follower(standby=True)
    second = servers.follower(standby=True)
    assert [hive_of(each)["role"] for each in (first, second)] == ["leader", "follower"]
    first.run(text=TEXT)
    wait_until_level(first, second)
    first.terminate()
    wait_until(lambda: hive_of(second)["role"] == "leader", "the second leads")
    first.start()
    assert hive_of(first)["role"] == "follower"
    wait_until(lambda: hive_of(first)["leader"] == second.url, "the first knows its leader")
    first.run(text=TEXT)
    assert wait_until_level(second, first)
    assert second.net()["tokens_seen"] == 2 * len(TEXT)


def test_one_is_promoted_when_its_leader_has_gone_and_not_before(servers: Servers) -> None:
    leader = servers.leader(journal="always")
    follower, other = servers.follower(), servers.follower()
    wait_until(lambda: hive_of(follower)["leader"] == leader.url, "the follower knows its leader")
    told = {"json": {"text": "once"}, "headers": {"Idempotency-Key": "one"}}
    first = leader.client.post("/v1/inputs", **told).raise_for_status().json()  # type: ignore[arg-type]
    wait_until(lambda: leader.net()["tick"] == len("once"), "the leader has lived it")
    wait_until_level(leader, follower, other)
    refused = follower.client.post("/v1/hive/promote")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/conflict")
    assert "its leader lives" in refused.json()["detail"]
    state = leader.net(hash="true")["state_sha256"]
    leader.terminate()
    with Client(follower.url) as client:
        assert client.promote().role == "leader"
        assert client.promote().role == "leader"
    assert follower.net(hash="true")["state_sha256"] == state
    again = follower.client.post("/v1/inputs", **told)  # type: ignore[arg-type]
    assert (again.status_code, again.json()["accepted"]) == (202, first["accepted"])
    assert follower.net()["tokens_seen"] == len("once")  # it was learnt before
    wait_until(lambda: hive_of(other)["leader"] == follower.url, "the other one has heard of the new leader")
    other.run(text="twice")
    assert wait_until_level(follower, other)
    assert follower.snapshot()["tick"] == len("oncetwice")
    dataset = other.client.post("/v1/datasets", files={"file": ("cat.txt", TEXT * 9)}).raise_for_status().json()["id"]
    job = other.client.post("/v1/jobs/dream", json={"dataset": dataset}).raise_for_status().json()["id"]
    wait_until(lambda: follower.client.get(f"/v1/jobs/{job}").json()["status"] == "succeeded", "its jobs run")
    assert wait_until_level(follower, other)
    assert seen_by(other, follower.url) is not None


def test_one_is_no_leader_before_it_takes_inputs(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    leader = servers.leader()
    follower = servers.follower()
    wait_until(lambda: hive_of(follower)["leader"] == leader.url, "the follower knows its leader")
    leader.terminate()
    is_starting, may_start, start = threading.Event(), threading.Event(), JobRunner.start

    async def start_late(runner: JobRunner) -> None:
        is_starting.set()
        await asyncio.to_thread(may_start.wait)
        await start(runner)

    monkeypatch.setattr(JobRunner, "start", start_late)
    with ThreadPoolExecutor(1) as pool:
        promoted = pool.submit(httpx.post, f"{follower.url}/v1/hive/promote", timeout=30)
        try:
            assert is_starting.wait(30)
            assert hive_of(follower)["role"] == "follower"
        finally:
            may_start.set()
        assert promoted.result().json()["role"] == "leader"
    assert follower.client.post("/v1/inputs", json={"text": TEXT}).status_code == 202
