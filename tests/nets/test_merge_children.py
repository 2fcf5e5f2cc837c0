"""Children that are merged into their parent: with consent, by counts, and nothing of others."""

from collections.abc import Iterator
from typing import Any

import pytest

from realnet import Checkpoint, DendriteLearner
from realnet.dendrites.family import merge_children
from tests.nets.asking import hash_of, problem, teach
from tests.nets.test_parents import KNOWN, create_children, parent_in, raise_parent
from tests.nets.test_rebase import born, read, rebased
from tests.nets.test_secrets import OTHER, SECRET, generated, is_in, told
from tests.running_server import RunningServer, ThreadServer

PATH = "/v1/nets/up/jobs/merge-children"


def consent(server: RunningServer, *names: str, merge: bool = True) -> None:
    for name in names:
        shown = server.client.patch(f"/v1/nets/{name}", json={"consent": {"merge": merge}}).raise_for_status().json()
        assert shown["consent"] == {"merge": merge}


def ended(server: RunningServer, **request: object) -> dict[str, Any]:
    """Merge children, and return the job when it has ended."""
    asked = server.client.post(PATH, json=request)
    assert asked.status_code == 202, asked.text
    with server.client.stream("GET", f"{asked.headers['location']}/events") as events:
        "".join(events.iter_lines())
    return dict(server.client.get(asked.headers["location"]).json())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    """One with the net `up` and children: `one` and `four` have consented, `two` never, and `three` takes it back."""
    server = ThreadServer(tmp_path_factory.mktemp("merged"))
    create_children(server.start(), raise_parent(server), "one", "two", "three", "four")
    for name, text in (("one", told(OTHER)), ("two", told(SECRET)), ("three", KNOWN), ("four", KNOWN[:200])):
        teach(server, name, text)
    consent(server, "one", "three", "four")
    consent(server, "three", merge=False)
    yield server
    server.close()


def test_the_merged_parent_knows_what_those_have_learnt_who_consented_and_nothing_else(server: ThreadServer) -> None:
    before = {name: hash_of(server, name) for name in ("up", "one", "two", "four")}
    job = ended(server, snapshot="00000001", children=["one", "four"], name="merged")
    result, error = job["result"], job["error"]
    assert error is None
    assert {name: hash_of(server, name) for name in before} == before
    taken = server.client.get(f"/v1/nets/up/snapshots/{result['snapshot']}").json()
    assert (taken["kept"], taken["name"], taken["job"]) == (True, "merged", job["id"])
    assert result["children"] == 2
    assert result["lines"] > result["lines_before"]

    data = server.client.get(f"/v1/nets/up/snapshots/{taken['id']}/data").content
    parent = parent_in(server, {"net": "up", "snapshot": "00000001"})
    alone = [born(parent) for _ in range(2)]
    for child, text in zip(alone, (KNOWN[:200], told(OTHER)), strict=True):
        read(child, text)
    made = DendriteLearner.from_checkpoint(Checkpoint.from_bytes(data))
    assert made.checkpoint().weights_sha256() == merge_children(parent, alone).checkpoint().weights_sha256()

    create_children(server, {"net": "up", "snapshot": taken["id"]}, "over-merged")
    assert OTHER in generated(server, "over-merged")
    assert SECRET not in generated(server, "over-merged")
    assert not is_in(SECRET, data)
    assert not is_in(OTHER, data)  # its lines are there, and no words
    assert rebased(server, snapshot=taken["id"], children=["two"])["rebased"] == 1
    assert SECRET in generated(server, "two")


def test_without_consent_nothing_is_merged(server: ThreadServer) -> None:
    count = len(server.client.get("/v1/nets/up/snapshots").json()["data"])
    refused = server.client.post(PATH, json={"snapshot": "00000001", "children": ["one", "three"]})
    assert problem(refused) == (409, "conflict")
    assert refused.json()["detail"] == "nothing was merged: without consent are three"
    for children, pointer in ((["none"], "/children/0"), (["x*"], "/children"), (["one", "up"], "/children/1")):
        refused = server.client.post(PATH, json={"snapshot": "00000001", "children": children})
        assert problem(refused) == (422, "invalid")
        assert refused.json()["errors"][0]["pointer"] == pointer
    assert len(server.client.get("/v1/nets/up/snapshots").json()["data"]) == count
    assert server.client.get("/v1/nets/up").json()["consent"] is None
    refused = server.client.patch("/v1/nets/up", json={"consent": {"merge": True}})
    assert problem(refused) == (422, "invalid")
    assert refused.json()["errors"][0]["pointer"] == "/consent"
    refused = server.client.post("/v1/nets", json={"name": "x", "consent": {"merge": True}})
    assert problem(refused) == (422, "invalid")


def test_consent_that_is_taken_back_before_the_job_begins(server: ThreadServer) -> None:
    """The job waits behind another, which never ends by itself."""
    client = server.client
    uploaded = client.post("/v1/nets/up/datasets", files={"file": ("a.txt", KNOWN.encode() * 50)}).json()
    dream = client.post("/v1/nets/up/jobs/dream", json={"dataset": uploaded["id"], "epochs": 10_000})
    job = client.post(PATH, json={"snapshot": "00000001", "children": ["one", "four"]}).raise_for_status()
    consent(server, "four", merge=False)
    client.post(f"{dream.headers['location']}/cancel").raise_for_status()
    with client.stream("GET", f"{job.headers['location']}/events") as events:
        "".join(events.iter_lines())
    failed = client.get(job.headers["location"]).json()
    assert (failed["status"], failed["error"]["status"]) == ("failed", 409)
    assert failed["error"]["detail"] == "nothing was merged: without consent are four"
    assert [each for each in client.get("/v1/nets/up/snapshots").json()["data"] if each["job"] == failed["id"]] == []
    consent(server, "four")
