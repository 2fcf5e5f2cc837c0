"""A follower has the leader's bits, answers what only reads, sends on what does not, and writes nothing."""

import logging
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from realnet import DendriteLearner
from service.journal.codec import whole_records
from service.journal.records import TogetherRecord
from service.settings import Settings
from service.store import open_log
from tests.hive.servers import Servers, hive_of, seen_by, wait_until, wait_until_level
from tests.running_server import ThreadServer

TEXT = "the cat sat on the mat, and the dog sat on the log. "


def files_of(directory: Path) -> dict[str, bytes]:
    return {str(each): each.read_bytes() for each in sorted(directory.rglob("*")) if each.is_file()}


def test_a_follower_lives_what_the_leader_does_and_answers_as_it_would(servers: Servers) -> None:
    leader = servers.leader(rest_after=3)
    leader.run(text=TEXT)
    leader.run(text=TEXT, session="a")
    leader.snapshot()
    leader.run(text=TEXT)
    leader.run(text=TEXT, session="b")
    follower = servers.follower()
    assert wait_until_level(leader, follower)
    # Everything that a journal may have, in the order of a life: settings, growth, a restore, a dream, and a pause.
    ask = leader.client
    ask.patch("/v1/net", json={"learning_rate": 0.5}).raise_for_status()
    ask.post("/v1/net/grow", json={"lines": 2**14, "contexts": ["kinds"]}).raise_for_status()
    leader.run(text=TEXT)
    leader.run(text=TEXT, session="b")
    ask.post("/v1/snapshots/00000001/restore").raise_for_status()
    leader.run(text=TEXT[::-1])
    dataset = ask.post("/v1/datasets", files={"file": ("cat.txt", TEXT * 9)}).raise_for_status().json()["id"]
    job = ask.post("/v1/jobs/dream", json={"dataset": dataset}).raise_for_status().json()["id"]
    wait_until(lambda: ask.get(f"/v1/jobs/{job}").json()["status"] == "succeeded", "the dream has ended")
    ask.patch("/v1/net", json={"paused": True}).raise_for_status()
    ask.post("/v1/inputs", json={"text": TEXT}).raise_for_status()
    wait_until(lambda: follower.net()["mode"] == "paused", "the follower has paused, too")
    assert wait_until_level(leader, follower)
    ask.patch("/v1/net", json={"paused": False}).raise_for_status()
    leader.run(text=TEXT)
    assert wait_until_level(leader, follower)
    for path in (
        "/v1/outputs?after=0&limit=50&outputs=surprise",
        "/v1/snapshots",
        "/v1/datasets",
        "/v1/net/explain?context=the%20c",
        "/v1/net/history",
        "/v1/sessions",
        "/v1/self",
    ):
        assert follower.client.get(path).raise_for_status().json() == ask.get(path).json(), path
    ended = ask.get(f"/v1/jobs/{job}").json()
    path = f"/v1/jobs/{job}"
    wait_until(lambda: follower.client.get(path).json().get("result") == ended["result"], "the job is seen as it ended")
    asked = {"prompt": "the ", "max_tokens": 20, "seed": 3, "session": "a"}
    said = [each.client.post("/v1/generate", json=asked).json() for each in (leader, follower)]
    assert said[0] == said[1]
    assert follower.client.get("/").status_code == 200
    assert 'realnet_follower_lag_records{net="default"} 0.0' in follower.client.get("/metrics").text
    assert "realnet_follower" not in ask.get("/metrics").text


def test_a_follower_lives_several_sessions_at_once_as_its_leader_does(servers: Servers) -> None:
    leader = servers.leader(preset="literal", neurons=420)
    follower = servers.follower(preset="literal", neurons=420)
    with ThreadPoolExecutor(8) as clients:
        for turn in range(6):
            list(clients.map(lambda name: leader.run(text=TEXT[: 9 + ord(name) % 7], session=name), "abcdefgh"))
            if turn == 3:
                leader.snapshot()
    assert wait_until_level(leader, follower)
    log = open_log(servers.url, "default/journal")
    records = [record for block in log.read() for _, record, _, _ in whole_records(block.data)]
    log.close()
    assert any(isinstance(each, TogetherRecord) for each in records)
    asked = {"after": "0", "limit": "1000"}
    assert leader.client.get("/v1/sessions").json() == follower.client.get("/v1/sessions").json()
    said = [each.client.get("/v1/outputs", params=asked).json()["outputs"] for each in (leader, follower)]
    assert [(each["tick"], each["session"]) for each in said[0]] == [
        (each["tick"], each["session"]) for each in said[1]
    ]


def test_a_follower_writes_nothing_but_that_it_is_there(servers: Servers, tmp_path: Path) -> None:
    leader = servers.leader()
    leader.run(text=TEXT)
    leader.snapshot()
    follower = servers.follower()
    wait_until(lambda: seen_by(leader, follower.url), "the leader has heard of the follower")
    before = {name: data for name, data in files_of(tmp_path / "store").items() if ".members" not in name}
    follower.client.post("/v1/generate", json={"prompt": "a"}).raise_for_status()
    follower.client.get("/readyz").raise_for_status()
    follower.terminate()
    after = files_of(tmp_path / "store")
    assert {name: data for name, data in after.items() if ".members" not in name} == before
    wait_until(lambda: seen_by(leader, follower.url) is None, "the leader has seen it leave")


def test_what_would_change_the_net_is_done_by_the_leader(servers: Servers) -> None:
    leader = servers.leader()
    follower, other = servers.follower(), servers.follower()
    wait_until(lambda: hive_of(follower)["leader"] == leader.url, "the follower knows its leader")
    wait_until(lambda: hive_of(other)["leader"] == leader.url, "the other one, too")
    told = follower.run(text=TEXT)
    assert [each["token"] for each in told] == list(TEXT.encode())
    again = {"params": {"wait": "true"}, "json": {"text": "once"}, "headers": {"Idempotency-Key": "one"}}
    answers = [each.client.post("/v1/inputs", **again).json() for each in (follower, other, leader)]  # type: ignore[arg-type]
    assert answers[0] == answers[1] == answers[2]
    saved = other.client.post("/v1/snapshots", json={"name": "from afar"})
    assert (saved.status_code, saved.headers["Location"]) == (201, "/v1/snapshots/00000001")
    wrong = other.client.post("/v1/inputs", json={"tokens": [999]})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/tokens/0")
    assert other.client.post("/v1/nowhere").status_code == 404
    large = other.client.post(
        "/v1/inputs", content=iter([b" " * 2**20] * 9), headers={"Content-Type": "application/json"}
    )
    assert (large.status_code, large.json()["type"]) == (413, "/problems/too-large")
    assert leader.net()["tokens_seen"] == len(TEXT + "once")
    assert wait_until_level(leader, follower, other)


def test_one_that_only_reads_refuses_and_names_the_leader(servers: Servers) -> None:
    leader = servers.leader()
    follower = servers.follower(read_only=True)
    wait_until(lambda: hive_of(follower)["leader"] == leader.url, "the follower knows its leader")
    refused = follower.client.post("/v1/inputs", json={"text": "no"})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/follower")
    assert leader.url in refused.json()["detail"]
    assert hive_of(follower)["read_only"]
    assert leader.net()["tokens_seen"] == 0


def test_a_request_that_was_sent_on_goes_no_further(servers: Servers) -> None:
    servers.leader()
    follower = servers.follower()
    refused = follower.client.post("/v1/inputs", json={"text": "no"}, headers={"Realnet-Forwarded": "1"})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/follower")


def test_without_a_leader_reads_go_on_and_writes_are_told_so(servers: Servers) -> None:
    leader = servers.leader()
    leader.run(text=TEXT)
    follower = servers.follower()
    wait_until(lambda: hive_of(follower)["leader"] == leader.url, "the follower knows its leader")
    leader.terminate()
    refused = follower.client.post("/v1/inputs", json={"text": "no"})
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/leader-gone")
    assert refused.headers["Retry-After"] == "1"
    follower.client.get("/readyz").raise_for_status()
    assert follower.client.post("/v1/generate", json={"prompt": "the "}).json()["tick"] == len(TEXT)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"read_only": True}, "read_only is of a server that follows"),
        ({"standby": True}, "standby is of a server that follows"),
        ({"follow": "file:data", "standby": True, "read_only": True}, "leave one of standby and read_only out"),
        ({"follow": "file:data", "journal": "off"}, "leave journal off out"),
        ({"advertise": "here"}, "should match pattern"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(wrong: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Settings(_env_prefix="NO_SETTING_", **wrong)  # type: ignore[arg-type]


def test_a_store_without_a_net_cannot_be_followed(tmp_path: Path) -> None:
    server = ThreadServer(tmp_path, follow=f"file://{tmp_path}/empty")
    server.launch()
    assert "there is no net in this store that could be followed" in str(server.wait())
    assert not (tmp_path / "empty").exists()
    server.close()


def flip_a_bit(server: ThreadServer) -> None:
    """As cosmic radiation does: in the net's memory, where the next tokens do not write it over."""
    assert server._server is not None
    learner = server._server._app.state.edge.runtime.engine._replica.learner
    assert isinstance(learner, DendriteLearner)
    memory = learner.net.memory.lines
    used = memory.reshape(-1).view("u1").nonzero()[0]
    memory.reshape(-1).view("u1")[used[len(used) // 2]] ^= 1


def test_a_follower_with_a_flipped_bit_stops_answering_and_comes_again(
    servers: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    leader = servers.leader(hash_every=len(TEXT))
    leader.run(text=TEXT * 4)
    follower, sound = servers.follower(), servers.follower()
    wait_until(lambda: seen_by(leader, sound.url) and seen_by(leader, follower.url), "the leader knows of them")
    wait_until_level(leader, follower, sound)
    rows = {"stream": "load", "values": [float(number % 7) for number in range(200)]}
    leader.client.post("/v1/observe", json=rows).raise_for_status()
    flip_a_bit(follower)
    refusals: list[httpx.Response] = []

    def is_out() -> bool:
        leader.run(text=TEXT[::-1])
        answer = follower.client.get("/v1/net")
        refusals.extend([] if answer.is_success else [answer])
        return "its hash at tick" in caplog.text

    wait_until(is_out, "the difference was seen")
    wait_until(lambda: follower.client.get("/readyz").is_success, "it has come again")
    leader.run(text=TEXT)
    assert wait_until_level(leader, follower, sound)
    assert hive_of(follower)["members"][0]["url"] == leader.url
    wait_until(lambda: [each["state"] for each in hive_of(leader)["members"]] == ["ready"] * 3, "all are ready")
    leader.client.post("/v1/observe", json=rows).raise_for_status()
    told = leader.client.get("/v1/rows?stream=load").json()
    wait_until(lambda: follower.client.get("/v1/rows?stream=load").json() == told, "its streams have come again, too")
    for answer in refusals:
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-ready")
        assert "was not the leader's" in answer.json()["detail"]


def test_a_follower_comes_again_where_the_journal_no_longer_goes_on(servers: Servers, tmp_path: Path) -> None:
    """Here since a backup was put in the store's place."""
    leader = servers.leader()
    leader.run(text=TEXT)
    leader.terminate()
    shutil.copytree(tmp_path / "store", tmp_path / "backup")
    leader.start()
    follower = servers.follower()
    leader.run(text=TEXT * 3)
    wait_until_level(leader, follower)
    leader.terminate()
    shutil.rmtree(tmp_path / "store")
    shutil.copytree(tmp_path / "backup", tmp_path / "store")
    leader.start()
    leader.run(text=TEXT[::-1])
    assert wait_until_level(leader, follower)
    assert follower.net()["tokens_seen"] == 2 * len(TEXT)
    follower.client.get("/readyz").raise_for_status()
    follower.client.post("/v1/generate", json={"prompt": "the "}).raise_for_status()
