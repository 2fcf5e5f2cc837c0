"""Jobs about children that are of several shards: as on one server, whatever becomes of a shard meanwhile."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from redis import Redis

from realnet.dendrites.family import rebase
from service.api.passing import TO_A_SHARD
from service.auth.keys import Scope, create_key
from service.auth.share import Share
from service.jobs.process import run_process
from service.nets.part import shard_of
from service.store.keys import REDIS_EPOCH
from service.store.redis_shard_lock import proof
from tests.api.asking import until
from tests.auth.guarded import bearer
from tests.cluster.conftest import Cluster
from tests.cluster.running_gateway import ThreadGateway
from tests.cluster.running_shard import COUNT, ProcessShard, ThreadShard, name_in
from tests.nets.asking import problem, teach
from tests.nets.test_merge_children import PATH, consent, ended
from tests.nets.test_parents import KNOWN, OWN, create_children, parent_in, raise_parent, weights_of
from tests.nets.test_rebase import born, newer, read, rebased
from tests.running_server import RunningServer, ThreadServer

MakeShard = Callable[..., ThreadShard]
MakeProcess = Callable[..., ProcessShard]
MakeGateway = Callable[..., ThreadGateway]
ABOVE = shard_of("up", COUNT)  # the shard of the parent
BELOW = 1 - ABOVE
NEAR, FAR, FAR_TOO = name_in(ABOVE, COUNT), name_in(BELOW, COUNT), name_in(BELOW, COUNT, 1)
NAMES = sorted((NEAR, FAR, FAR_TOO))
JOBS = ("rebase-children", "merge-children")


def raise_family(server: RunningServer, *names: str) -> dict[str, str]:
    """Make the net `up`, and children of it, each with something of its own."""
    ref = raise_parent(server)
    create_children(server, ref, *names)
    for name in names:
        teach(server, name, f"{name} is told {OWN}")
    return ref


def over(server: RunningServer, ref: dict[str, str], after: dict[str, str], name: str) -> str:
    """Return the hash of what a child of `raise_family` has learnt when it has gone over."""
    alone = born(parent_in(server, ref))
    read(alone, f"{name} is told {OWN}")
    rebase(alone, parent_in(server, after))
    return alone.checkpoint().weights_sha256()


def begun(server: RunningServer, kind: str, **request: object) -> str:
    asked = server.client.post(f"/v1/nets/up/jobs/{kind}", json=request)
    assert asked.status_code == 202, asked.text
    return asked.headers["location"]


def at_its_end(server: RunningServer, path: str) -> dict[str, Any]:
    with server.client.stream("GET", f"{path}/events") as events:
        "".join(events.iter_lines())
    return dict(server.client.get(path).json())


def made_by(server: RunningServer, job: dict[str, Any]) -> list[str]:
    """Return the snapshots that a job has made."""
    return [
        each["id"] for each in server.client.get("/v1/nets/up/snapshots").json()["data"] if each["job"] == job["id"]
    ]


@pytest.fixture(scope="module")
def ref(cluster: Cluster) -> dict[str, str]:
    return raise_family(cluster.gateway, *NAMES)


def test_children_are_merged_as_on_one_server(cluster: Cluster, ref: dict[str, str], tmp_path: Path) -> None:
    made = []
    single = ThreadServer(tmp_path).start()
    assert raise_family(single, *NAMES) == ref
    for server in (cluster.gateway, single):
        consent(server, *NAMES)
        job = ended(server, snapshot=ref["snapshot"], children=["net-*"], name="merged")
        assert (job["error"], job["result"]["children"]) == (None, len(NAMES))
        made.append(server.client.get(f"/v1/nets/up/snapshots/{job['result']['snapshot']}/data").content)
    single.close()
    assert made[0] == made[1]


def test_without_consent_nothing_is_merged(cluster: Cluster, ref: dict[str, str]) -> None:
    ask = cluster.gateway
    consent(ask, *NAMES)
    consent(ask, FAR, merge=False)
    refused = ask.client.post(PATH, json={"snapshot": ref["snapshot"], "children": NAMES})
    assert problem(refused) == (409, "conflict")
    assert refused.json()["detail"] == f"nothing was merged: without consent are {FAR}"
    uploaded = ask.client.post("/v1/nets/up/datasets", files={"file": ("a.txt", KNOWN.encode() * 50)}).json()
    dream = begun(ask, "dream", dataset=uploaded["id"], epochs=10_000)
    consent(ask, FAR)
    job = begun(ask, "merge-children", snapshot=ref["snapshot"], children=NAMES)  # which waits behind it
    consent(ask, FAR, merge=False)
    ask.client.post(f"{dream}/cancel").raise_for_status()
    failed = at_its_end(ask, job)
    assert (failed["status"], failed["error"]["status"]) == ("failed", 409)
    assert failed["error"]["detail"] == f"nothing was merged: without consent are {FAR}"
    assert made_by(ask, failed) == []


def test_consent_that_is_taken_back_when_all_have_been_read(
    cluster: Cluster, ref: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    consent(cluster.gateway, *NAMES)

    async def take_back_and_run(*given: Any) -> dict[str, Any]:
        await asyncio.to_thread(consent, cluster.gateway, FAR, merge=False)
        return await run_process(*given)

    monkeypatch.setattr("service.nets.family_jobs.run_process", take_back_and_run)
    failed = ended(cluster.gateway, snapshot=ref["snapshot"], children=NAMES)
    assert failed["error"]["detail"] == f"nothing was merged: without consent are {FAR}"
    assert made_by(cluster.gateway, failed) == []


def test_children_of_all_shards_go_over(cluster: Cluster, ref: dict[str, str]) -> None:
    ask = cluster.gateway
    after = newer(ask)
    for children, pointer in (([FAR, "up"], "/children/1"), (["net-none"], "/children/0")):
        refused = ask.client.post(
            "/v1/nets/up/jobs/rebase-children", json={"snapshot": after["snapshot"], "children": children}
        )
        assert problem(refused) == (422, "invalid")
        assert refused.json()["errors"][0]["pointer"] == pointer
    told = rebased(ask, snapshot=after["snapshot"], children=["net-*"], of=ref)
    assert told == {"children": len(NAMES), "rebased": len(NAMES), "failed": {}}
    assert [weights_of(ask, name) for name in NAMES] == [over(ask, ref, after, name) for name in NAMES]
    assert rebased(ask, snapshot=after["snapshot"], children=["net-*"], of=ref)["children"] == 0
    ask.client.patch(f"/v1/nets/{FAR}/net", json={"paused": True}).raise_for_status()
    told = rebased(ask, snapshot=ref["snapshot"], children=["net-*"])
    assert told["failed"] == {FAR: f"net {FAR} is paused: resume it first"}
    ask.client.patch(f"/v1/nets/{FAR}/net", json={"paused": False}).raise_for_status()


def test_an_old_parent_goes_when_children_elsewhere_need_it_no_more(cluster: Cluster) -> None:
    ask = cluster.gateway
    old, child = newer(ask), name_in(BELOW, COUNT, 2)
    path = f"/v1/nets/up/snapshots/{old['snapshot']}"
    create_children(ask, old, child)
    teach(ask, child, OWN)
    kept = ask.client.post(f"/v1/nets/{child}/snapshots").raise_for_status().json()["id"]
    after = newer(ask)
    assert rebased(ask, snapshot=after["snapshot"], children=[child])["rebased"] == 1
    assert "it has 1" in ask.client.delete(path).json()["detail"]
    ask.client.patch(f"/v1/nets/{child}/snapshots/{kept}", json={"kept": False}).raise_for_status()
    assert ask.client.delete(path).status_code == 204
    assert ask.client.delete(f"/v1/nets/{child}").status_code == 204
    assert ask.client.delete(f"/v1/nets/up/snapshots/{after['snapshot']}").status_code == 204


def test_what_shards_ask_each_other_is_for_nobody_else(cluster: Cluster, ref: dict[str, str]) -> None:
    with Redis.from_url(cluster.shards[0]._settings.store) as redis:
        above, below = (cast(bytes, redis.get(f"{REDIS_EPOCH}{shard}")) for shard in (ABOVE, BELOW))
    right, other_way = ({TO_A_SHARD: f"{ABOVE} {proof(above, to)}"} for to in (below, above))
    wrong = ["", f"{ABOVE}", f"9 {proof(b'', below)}", f"{ABOVE} {proof(b'1 before', below)}"]
    wrong += [f"{BELOW} {proof(above, below)}", right[TO_A_SHARD][:-1], *other_way.values(), "é"]
    consent(cluster.gateway, FAR)
    parent = cluster.gateway.client.get(f"/v1/nets/{FAR}").json()["parent"]
    state = f"/v1/shard/children/{FAR}/state?parent={parent['sha256']}"
    put = f"/v1/shard/children/{FAR}/parent?net=up&snapshot={ref['snapshot']}"
    of_child, of_parent = cluster.shards[BELOW].url, cluster.shards[ABOVE].url
    for method, path in (("GET", state), ("PUT", put), ("DELETE", "/v1/shard/children?net=up")):
        assert problem(httpx.request(method, of_child + path)) == (403, "scope")
        for given in wrong:
            headers = [(TO_A_SHARD.encode(), given.encode())]
            assert problem(httpx.request(method, of_child + path, headers=headers)) == (403, "scope")
        for path_too in (path, path.replace("/v1/", f"/v1/nets/{FAR}/")):
            told = httpx.request(method, cluster.gateway.url + path_too, headers=right)
            assert problem(told) == (404, "not-found")
        if FAR in path:
            misdirected = httpx.request(method, of_parent + path, headers=other_way)
            assert problem(misdirected) == (421, "misdirected")
        assert httpx.request(method, of_child + path, headers=right).is_success
    consent(cluster.gateway, FAR, merge=False)
    assert problem(httpx.get(of_child + state, headers=right)) == (409, "conflict")
    said = cluster.gateway.client.get("/v1/cluster").text + "".join(each.log for each in cluster.shards)
    for secret in (above, below):
        assert secret.decode().split()[1] not in said


def test_a_key_is_for_each_child_and_for_nothing_that_shards_ask(
    new_shard: MakeShard, new_gateway: MakeGateway, tmp_path: Path
) -> None:
    everything = create_key(tmp_path / "keys", "all", Scope.ADMIN)
    some = create_key(tmp_path / "keys", "some", Scope.ADMIN, share=Share(nets=("up", NEAR, FAR)))
    shards = [new_shard(number, keys_file=tmp_path / "keys") for number in range(COUNT)]
    for shard in shards:
        shard.launch()
    ask = new_gateway(keys_file=tmp_path / "keys")
    ask.client.headers = bearer(everything)
    raise_family(ask.start(), *NAMES)
    after = newer(ask)
    ask.client.headers = bearer(some)
    asked = {"snapshot": after["snapshot"], "children": [FAR, FAR_TOO]}
    assert ask.client.post("/v1/nets/up/jobs/rebase-children", json=asked).status_code == 403
    assert rebased(ask, snapshot=after["snapshot"])["children"] == 2
    path = f"{shards[BELOW].url}/v1/shard/children/{FAR_TOO}/parent?net=up&snapshot={after['snapshot']}"
    assert problem(httpx.put(path, headers=bearer(everything))) == (403, "scope")


@pytest.mark.parametrize("kind", JOBS)
def test_a_shard_that_does_not_come_back(new_shard: MakeShard, new_gateway: MakeGateway, kind: str) -> None:
    shards = [new_shard(number, nets_wait=0.5).start() for number in range(COUNT)]
    ask = new_gateway().start()
    ref = raise_family(ask, *NAMES)
    consent(ask, *NAMES)
    shards[BELOW].terminate()
    job = at_its_end(ask, begun(ask, kind, snapshot=ref["snapshot"], children=["net-*"]))
    why = f"shard {BELOW} is away, and did not come back within 0.5 s"
    if kind == "rebase-children":
        assert job["result"] == {"children": 3, "rebased": 1, "failed": {FAR: why, FAR_TOO: why}}
    else:
        assert (job["status"], job["error"]["status"], job["error"]["detail"]) == ("failed", 503, why)
        assert made_by(ask, job) == []


@pytest.mark.parametrize("kind", ["rebase-children", pytest.param("merge-children", marks=pytest.mark.long)])
def test_a_shard_that_is_frozen_has_a_successor(
    new_process: MakeProcess, new_shard: MakeShard, new_gateway: MakeGateway, kind: str
) -> None:
    """The first one has the request, and nobody is told that it will not answer."""
    of_parent, first = new_shard(ABOVE).start(), new_process(BELOW).start()
    ask = new_gateway().start()
    ref = raise_family(ask, *NAMES)
    consent(ask, *NAMES)
    after = newer(ask)
    os.kill(first.pid, signal.SIGSTOP)
    snapshot = after["snapshot"] if kind == "rebase-children" else ref["snapshot"]
    job = begun(of_parent, kind, snapshot=snapshot, children=["net-*"])
    until(lambda: of_parent.client.get(job).json()["status"] == "running")
    new_process(BELOW).start()
    told = at_its_end(of_parent, job)
    assert (told["error"], told["result"]["children"]) == (None, len(NAMES))
    if kind == "rebase-children":
        assert [weights_of(ask, name) for name in NAMES] == [over(ask, ref, after, name) for name in NAMES]
    else:
        assert made_by(ask, told) == [told["result"]["snapshot"]]


@pytest.mark.long
@pytest.mark.parametrize("kind", JOBS)
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("shard", [ABOVE, BELOW])
def test_a_shard_that_ends_in_the_middle(
    new_process: MakeProcess, new_gateway: MakeGateway, shard: int, sign: signal.Signals, kind: str
) -> None:
    """That of the parent, or of children, three times: no child goes over twice, and one snapshot is made of all."""
    shards = [new_process(number, journal="always").start() for number in range(COUNT)]
    ask = new_gateway(nets_wait=20.0).start()
    names = sorted(f"net-{number}" for number in range(24))
    ref = raise_family(ask, *names)
    after, is_merge = newer(ask), kind == "merge-children"
    if is_merge:
        consent(ask, *names)
    job = begun(ask, kind, snapshot=(ref if is_merge else after)["snapshot"], children=["net-*"])
    for least in (0.05, 0.2, 0.35):

        def is_so_far(least: float = least) -> bool:
            return bool(ask.client.get(job).json()["progress"] >= least)

        until(is_so_far)
        os.kill(shards[shard].pid, sign)
        shards[shard].wait()
        shards[shard].start()
    told = at_its_end(ask, job)
    assert (told["error"], told["result"]["children"]) == (None, len(names))
    if is_merge:
        assert made_by(ask, told) == [told["result"]["snapshot"]]
        return
    assert told["result"] == {"children": len(names), "rebased": len(names), "failed": {}}
    assert [weights_of(ask, name) for name in names] == [over(ask, ref, after, name) for name in names]
    assert ask.client.delete(f"/v1/nets/up/snapshots/{ref['snapshot']}").status_code == 204
