"""What is asked wrongly of merges is refused, with the place, and changes nothing."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from realnet.client import Client
from service.auth.keys import Scope, create_key
from service.jobs.bundle import Bundle
from tests.auth.guarded import bearer
from tests.cli.commands import complaint as refused
from tests.cli.commands import realnet
from tests.jobs.client import end_of
from tests.merges.servers import SMALL, ancestor
from tests.running_server import ThreadServer

# FastAPI silences it when a route is first asked for, by a filter of the whole process: servers on threads race.
pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.UnsupportedFieldAttributeWarning")
ADMIN = "a-key-of-an-admin"
OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    server = ThreadServer(tmp_path_factory.mktemp("member"), **SMALL)
    yield server.start()
    server.close()


@pytest.mark.parametrize(
    ("body", "status", "place"),
    [
        ({}, 422, "/peers"),
        ({"peers": []}, 422, "/peers"),
        ({"peers": [{"url": "http://localhost:1"}], "every": 10}, 422, "/every"),
        ({"peers": [{"url": "localhost"}]}, 422, "/peers/0/url"),
        ({"peers": [{"url": "http://localhost:1", "key": "a\nb"}]}, 422, "/peers/0/key"),
        ({"peers": [{"url": "http://localhost:1"}, {"url": "http://localhost:1/"}]}, 422, "/peers/1/url"),
        ({"peers": [{"url": "http://10.0.0.1"}]}, 403, "REALNET_PEERS"),
    ],
)
def test_a_merge_that_cannot_be_is_refused(member: ThreadServer, body: Any, status: int, place: str) -> None:
    answer = member.client.post("/v1/merges", json=body)
    assert (answer.status_code, place in answer.text) == (status, True), answer.text
    assert member.client.get("/v1/jobs").json()["data"] == []


def test_what_members_do_not_tell_each_other_is_refused(member: ThreadServer) -> None:
    before, other = member.weights(), "0" * 64
    post = member.client.post
    assert post("/v1/merges/share", json={"ancestor": "mine"}).json()["errors"][0]["pointer"] == "/ancestor"
    answer = post("/v1/merges/share", json={"ancestor": other})
    assert (answer.status_code, "of another ancestor" in answer.json()["detail"]) == (409, True)
    assert post("/v1/merges/adopt", json={}).status_code == 415
    crowd = {f"{number:064}": b"" for number in range(18)}
    for nothing in (
        b"",
        b"nothing",
        Bundle("a", other, {other: b""}).to_bytes(),
        Bundle(other, other, crowd).to_bytes(),
    ):
        assert "not what members" in post("/v1/merges/adopt", content=nothing, headers=OCTETS).text
    bundle = Bundle(other, other, {other: b""})
    assert post("/v1/merges/adopt", content=bundle.to_bytes(), headers=OCTETS).status_code == 409
    job = post("/v1/merges/adopt", content=Bundle(ancestor(member), other, {other: b"x"}).to_bytes(), headers=OCTETS)
    assert "not a member's share" in job.json()["result"]["why"]
    assert member.weights() == before


def test_a_net_of_another_kind_does_not_merge(frames_server: ThreadServer) -> None:
    answer = frames_server.client.post("/v1/merges", json={"peers": [{"url": "http://localhost:1"}]})
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "only nets of dendrites merge, and neither a compact one nor a child",
    )
    assert frames_server.client.get("/v1/merges").status_code == 409


def test_the_client_and_the_command_merge_and_tell_why_not(member: ThreadServer) -> None:
    with Client(member.url) as client:
        result = client.jobs.merge({"http://localhost:1": "a-key-of-16-signs"}).result(timeout=60)
    assert result["why"] == "there is nobody to merge with"
    assert "a-key-of-16-signs" not in member.client.get("/v1/jobs").text
    printed = realnet("merge", "http://localhost:1", url=member.url).stdout.decode()
    assert re.search(r"^why +there is nobody to merge with$", printed, re.MULTILINE)
    assert re.search(r"^left out +http://localhost:1 .*does not answer \(ConnectError\)$", printed, re.MULTILINE)
    assert "URL: must be like http://host:8420" in refused("merge", "localhost", url=member.url)


def test_a_key_of_the_scope_merge_is_for_this_alone(tmp_path: Path, member: ThreadServer) -> None:
    keys = tmp_path / "keys"
    key = create_key(keys, "peer", Scope.MERGE)
    guarded = ThreadServer(tmp_path, keys_file=keys, api_key=ADMIN, **SMALL)
    guarded.client.headers = bearer(ADMIN)
    try:
        guarded.start().client.headers = bearer(key)
        peers = {"peers": [{"url": guarded.url, "key": key}, {"url": member.url}]}
        for path in ("/v1/net", "/v1/merges", "/v1/snapshots", "/v1/jobs"):
            assert guarded.client.get(path).status_code == 403
        assert guarded.client.post("/v1/inputs", json={"text": "x"}).status_code == 403
        assert guarded.client.post("/v1/merges", json=peers).status_code == 403
        job = member.client.post("/v1/merges", json=peers).json()
        left_out = end_of(member, job["id"])["result"]["left_out"]
        assert left_out[guarded.url] == "it is the same net, or has lived the same"  # so it has told its share
    finally:
        guarded.close()
