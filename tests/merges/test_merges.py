"""What members of a merge have of it, and whom they leave out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realnet import Checkpoint, DendriteLearner
from realnet.dendrites.merge import NOTHING, merged, sha256_of, share_of
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.share import Lines, Share
from service.jobs import ancestry
from tests.free_port import free_port
from tests.hive.servers import wait_until_level
from tests.jobs.client import end_of
from tests.merges.servers import HELD_OUT, TEXTS, Start, ancestor, ask, bits, merge, start
from tests.running_server import RunningServer, ThreadServer

__all__ = ["start"]

# FastAPI silences it when a route is first asked for, by a filter of the whole process: servers on threads race.
pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.UnsupportedFieldAttributeWarning")


EVERY = 2000  # tokens between two merges


def shares(*servers: RunningServer) -> list[Share]:
    """Return what members have told of themselves: the oldest snapshot of each."""
    told = []
    for server in servers:
        first = server.client.get("/v1/snapshots").json()["data"][0]
        data = server.client.get(f"/v1/snapshots/{first['id']}/data").content
        told.append(share_of(first["state_sha256"], net_of(data), NOTHING))
    return told


def net_of(snapshot: bytes) -> DendriteNet:
    return DendriteLearner.from_checkpoint(Checkpoint.from_bytes(snapshot)).net


def test_all_have_the_same_lines_and_know_what_the_others_have_read(start: Start) -> None:
    one, two, three = start(*TEXTS)
    alone = [bits(one, text) for text in HELD_OUT]
    result = merge(one, two, three)
    assert (result["merged_with"], result["adopted_by"]) == ([two.url, three.url], [two.url, three.url])
    assert result["left_out"] == result["late"] == {}
    assert {ancestor(each) for each in (one, two, three)} == {result["lines_sha256"]}
    assert result["lines_sha256"] == sha256_of(merged(NOTHING, shares(one, two, three)))
    now = [bits(one, text) for text in HELD_OUT]
    assert now[0] < alone[0] + 0.1
    assert now[1] < alone[1] - 0.1
    assert now[2] < alone[2] - 0.1
    for server, text in zip((one, two, three), HELD_OUT, strict=True):  # and each replays to its own bits
        server.run(text=text)
        weights = server.weights()
        server.kill()
        assert server.start().weights() == weights
    assert {ancestor(each) for each in (one, two, three)} == {result["lines_sha256"]}


def test_one_that_lies_is_left_out_and_changes_nothing(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, liar = start(*TEXTS)
    lies, tell = liar.net(hash="true")["state_sha256"], ancestry.share_from

    def inverted(snapshot: bytes, member: str, before: Lines) -> bytes:
        told = tell(snapshot, member, before)
        if member != lies:
            return told
        share = Share.from_bytes(told)
        words = share.rows[:, 1:]
        words[...] = np.where(words == 0, 0, 250 << 24 | words & 0xFF0000 | 0xFFFF - (words & 0xFFFF))
        return share.to_bytes()

    monkeypatch.setattr(ancestry, "share_from", inverted)
    before = one.weights()
    alone = merge(one, liar)
    assert (alone["adopted"], one.weights()) == (False, before)
    assert alone["why"] == "there is nobody left to merge with"
    result = merge(one, two, liar)
    assert "would predict" in result["left_out"][liar.url]
    assert result["merged_with"] == [two.url]
    assert result["lines_sha256"] == sha256_of(merged(NOTHING, shares(one, two))) == ancestor(one) == ancestor(two)
    assert result["adopted_by"] == [two.url, liar.url]  # who is left out goes on as a member
    assert ancestor(liar) == ancestor(one)


@pytest.mark.long
def test_who_is_of_another_ancestor_or_does_not_answer_is_left_out_and_told(start: Start) -> None:
    one, two, stranger = start(*TEXTS)
    saved = stranger.snapshot()
    stranger.client.post(f"/v1/snapshots/{saved['id']}/restore").raise_for_status()
    nobody = f"http://127.0.0.1:{free_port()}"
    before = stranger.weights()
    result = merge(one, two, stranger, nobody, one.url)
    assert (result["merged_with"], result["adopted_by"], result["late"]) == ([two.url], [two.url], {})
    left_out = result["left_out"]
    assert left_out.keys() == {stranger.url, nobody, one.url}
    assert f"answers 409: this net is of another ancestor, {ancestor(stranger)[:12]}" in left_out[stranger.url]
    assert left_out[nobody] == f"{nobody} does not answer (ConnectError)"
    assert "is merging now" in left_out[one.url]
    assert stranger.weights() == before
    weights = one.weights()
    assert merge(one, nobody)["why"] == "there is nobody to merge with"
    assert one.weights() == weights


@pytest.mark.long
def test_who_was_away_is_told_later_and_loses_nothing(start: Start) -> None:
    one, two, away = start(*TEXTS)
    away.terminate()
    first = merge(one, two, away)
    assert (first["adopted_by"], "does not answer" in first["left_out"][away.url]) == ([two.url], True)
    before = bits(away.start(), HELD_OUT[2])
    for server, text in zip((one, two), HELD_OUT, strict=False):
        server.run(text=text)
    second = merge(one, two, away)
    assert second["adopted_by"] == [two.url, away.url] == second["merged_with"]
    assert ancestor(away) == ancestor(one) == second["lines_sha256"]
    assert bits(away, HELD_OUT[2]) < before + 0.1


@pytest.mark.long
def test_a_server_that_follows_a_member_has_the_same_bits(
    start: Start, new_server: Callable[..., ThreadServer], tmp_path: Path
) -> None:
    one, two = start(*TEXTS[:2])
    follower = new_server(follow=f"file://{tmp_path}/member 0/data").start()
    result = merge(one, two)
    wait_until_level(one, follower)
    assert ancestor(follower) == result["lines_sha256"]


@pytest.mark.long
def test_those_that_are_restored_to_the_same_snapshot_merge(start: Start) -> None:
    one, two = start(TEXTS[0], TEXTS[1])
    saved = one.snapshot()
    data = one.client.get(f"/v1/snapshots/{saved['id']}/data").content
    headers = {"Content-Type": "application/octet-stream"}
    brought = two.client.post("/v1/snapshots/upload", content=data, headers=headers).json()
    for server, id in ((one, saved["id"]), (two, brought["id"])):
        server.client.post(f"/v1/snapshots/{id}/restore").raise_for_status()
    assert ancestor(one) == ancestor(two) == sha256_of(net_of(data).memory.lines)
    one.run(text=TEXTS[2][:500])
    two.run(text=TEXTS[1])
    assert merge(one, two)["why"] == "it has lived 500 tokens since its ancestor, and a trial takes 1000"
    one.run(text=TEXTS[2][500:])
    result = merge(one, two)
    assert ancestor(one) == ancestor(two) == result["lines_sha256"]


@pytest.mark.long
def test_it_merges_again_by_itself_until_it_is_told_to_merge_once(start: Start) -> None:
    one, two = start(TEXTS[0], TEXTS[1])
    end_of(one, ask(one, two, every=EVERY))
    first = ancestor(one)
    one.run(text=HELD_OUT[0][: EVERY // 2])
    two.run(text=HELD_OUT[1])
    assert len(one.client.get("/v1/jobs").json()["data"]) == 1
    one.run(text=HELD_OUT[0][EVERY // 2 :])
    jobs: list[dict[str, Any]] = []
    while len(jobs) < 2:
        jobs = one.client.get("/v1/jobs").json()["data"]
    assert end_of(one, jobs[1]["id"])["result"]["adopted"]
    assert ancestor(one) == ancestor(two) != first
