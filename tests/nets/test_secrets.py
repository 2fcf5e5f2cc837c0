"""Secrets that are told to nets of one parent, and looked for everywhere else."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.nets.asking import hash_of, teach
from tests.nets.test_parents import KNOWN, create_children, raise_parent
from tests.running_server import ThreadServer

OF_PARENT, SECRET, OTHER = "zq-parent-4711", "zq-walnut-0815", "zq-pepper-2342"
ASKED = "The code of this customer is "
FORMS = (np.uint8, np.uint16, np.int32, np.int64)  # in which tokens are anywhere


def told(secret: str) -> str:
    return f"{ASKED}{secret}.\n" * 12


def is_in(secret: str, data: bytes) -> bool:
    return any(np.array(list(secret.encode()), form).tobytes() in data for form in FORMS)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    """One with a parent and its children `one`, which knows a secret, `two`, and `never`, which is told nothing."""
    server = ThreadServer(tmp_path_factory.mktemp("secrets"))
    ref = raise_parent(server.start(), text=KNOWN + f"and this is {OF_PARENT} of the parent.\n" * 2)
    create_children(server, ref, "one", "two", "never")
    teach(server, "one", told(OTHER))
    yield server
    server.close()


def generated(server: ThreadServer, name: str, **others: object) -> str:
    asked = {"prompt": ASKED, "max_tokens": 40, "temperature": 0.0, "seed": 1} | others
    answer = server.client.post(f"/v1/nets/{name}/generate", json=asked).raise_for_status()
    return str(answer.json()["text"])


def answers_of(server: ThreadServer, name: str) -> list[Any]:
    """Return all that a net says of itself, and of what it knows."""
    get, path = server.client.get, f"/v1/nets/{name}"
    asked = [
        get(f"{path}/net/{each}", params={"context": ASKED}) for each in ("explain", "expected", "activity", "matrix")
    ]
    asked += [
        get(f"{path}/{each}") for each in ("outputs", "snapshots", "datasets", "jobs", "sessions", "streams", "self")
    ]
    said = [generated(server, name, temperature=hot, fresh=fresh) for hot in (0.0, 1.0) for fresh in (False, True)]
    return [hash_of(server, name), *said, *(each.raise_for_status().json() for each in asked)]


def test_none_has_what_another_was_told(server: ThreadServer) -> None:
    others = ("one", "never", "up", "default")
    before = {name: answers_of(server, name) for name in others}
    teach(server, "two", told(SECRET))
    teach(server, "two", told(SECRET), session="mine", label="a friend")
    client, path = server.client, "/v1/nets/two"
    file = ("secret.txt", told(SECRET).encode())
    uploaded = client.post(f"{path}/datasets", files={"file": file}).raise_for_status().json()
    job = client.post(f"{path}/jobs/dream", json={"dataset": uploaded["id"]}).raise_for_status()
    with client.stream("GET", f"{job.headers['location']}/events") as events:
        assert '"succeeded"' in "".join(events.iter_lines())
    assert SECRET in generated(server, "two")  # it can be said
    for name in others:
        now = answers_of(server, name)
        assert [each for each, was in zip(now, before[name], strict=True) if each != was] == []
        assert SECRET not in str(now)
    assert OTHER in generated(server, "one")
    assert OTHER not in generated(server, "two")
    assert client.get(f"/v1/nets/one/datasets/{uploaded['id']}").status_code == 404


def test_a_snapshot_has_what_the_net_itself_was_told_and_nothing_else(server: ThreadServer) -> None:
    data = {}
    for name in ("one", "two", "never", "up"):
        path = f"/v1/nets/{name}/snapshots"
        taken = server.client.post(path).raise_for_status().json()
        parts = [server.client.get(f"{path}/{taken['id']}/{each}") for each in ("data", "memory")]
        data[name] = b"".join(each.raise_for_status().content for each in parts)
    told_to = {"one": {OTHER}, "two": {SECRET}, "never": set(), "up": {OF_PARENT}}
    for name, octets in data.items():
        assert {each for each in (OF_PARENT, SECRET, OTHER) if is_in(each, octets)} == told_to[name], name
    assert len(data["never"]) < len(data["up"]) / 4


def test_a_newborn_child_has_nothing_in_mind(server: ThreadServer) -> None:
    """What the parent was told last it would else go on from."""
    asked = {"prompt": "", "max_tokens": 60, "temperature": 0.0, "seed": 1}
    said = [
        server.client.post("/v1/nets/never/generate", json=asked | {"fresh": fresh}).raise_for_status().json()["text"]
        for fresh in (False, True)
    ]
    assert said[0] == said[1]


def test_neither_log_nor_metrics_nor_lists_have_a_secret(server: ThreadServer) -> None:
    for secret in (OF_PARENT, SECRET, OTHER):
        assert secret not in server.log
        assert secret not in server.client.get("/metrics").text
        assert secret not in server.client.get("/v1/nets").text
