"""`GET /v1/self`: from whom the net lived what, over kills and restores, and what it still knows, judged by forks."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from websockets.sync.client import connect

from realnet import DendriteLearner
from tests.running_server import RunningServer, ThreadServer

WIKI = "".join(f"The number {n} follows {n - 1}, and {n * n} is its square.\n" for n in range(150))
MAIL = "".join(f"dear {name}, how are you? yours, {name[::-1]}\n" for name in ("ada", "bob", "eve", "kim")) * 30


def told(server: RunningServer, **query: Any) -> dict[str, Any]:
    return server._json(server.client.get("/v1/self", params=query))


def known(server: RunningServer) -> dict[str | None, int]:
    return {each["label"]: each["tokens"] for each in told(server)["knows"]}


@pytest.fixture
def server(new_server: Callable[..., ThreadServer]) -> ThreadServer:
    return new_server(variant="fast", snapshot_every=0).start()


def test_labels_come_in_at_every_door_and_outlive_a_kill(server: ThreadServer) -> None:
    newborn = told(server)
    assert (newborn["lived"]["tokens"], newborn["knows"], newborn["sure"]["ece"]) == (0, [], None)
    server.run(text=WIKI, label="wiki")
    server.run(text="no label at all")
    with connect(f"ws://127.0.0.1:{server.port}/v1/stream?outputs=none") as stream:
        stream.recv()
        for seq, (label, text) in enumerate([("mail", MAIL), ("mail", "more"), ("wiki", "and wiki")], 1):
            stream.send(json.dumps({"type": "input", "seq": seq, "text": text, "label": label}))
        while json.loads(stream.recv()).get("seq") != 3:
            pass
    before = told(server)
    assert known(server) == {"wiki": len(WIKI) + 8, "mail": len(MAIL) + 4, None: 15}
    assert before["lived"]["tokens"] == before["lived"]["known"] == sum(known(server).values())
    assert before["knows"][0]["recent_bits"] == min(each["recent_bits"] for each in before["knows"])
    assert before["born_at"] is not None
    assert len(before["surprised"]) == -(-before["tick"] // 4096)
    first = before["surprised"][0]
    assert first["before"] + first["token"] in WIKI + "no label at all" + MAIL
    server.kill()
    assert told(server.start()) == before  # out of the journal alone
    server.terminate()
    assert told(server.start()) == before  # out of a snapshot


def test_what_has_changed_and_is_still_known_is_what_forks_come_to(server: ThreadServer) -> None:
    server.run(text=WIKI, label="wiki")
    saved, then = server.snapshot(), told(server)
    server.run(text=MAIL, label="mail")
    state = server.net(hash="true")["state_sha256"]
    now = told(server, since=saved["id"], remember="true")
    assert server.net(hash="true")["state_sha256"] == state
    changed, learner = now["changed"], DendriteLearner.create("fast")
    first = learner.run(list(WIKI.encode()), outputs="surprise")
    old = bits_of(learner, WIKI)
    second = learner.run(list(MAIL.encode()), outputs="surprise")
    assert first.surprise is not None
    assert second.surprise is not None
    assert changed["still"]["then"] == pytest.approx(old, rel=1e-6)
    assert changed["still"]["now"] == pytest.approx(bits_of(learner, WIKI), rel=1e-6)
    assert changed["bits_before"] == pytest.approx(first.surprise.mean(), rel=1e-5)
    assert changed["bits_since"] == pytest.approx(second.surprise.mean(), rel=1e-5)
    assert (changed["tokens"], changed["labels"][0]["label"], changed["labels"][0]["then"]) == (len(MAIL), "mail", None)
    lived = WIKI + MAIL
    half = len(lived) // 2
    assert now["remembers"]["older"]["bits"] == pytest.approx(bits_of(learner, lived[:half]), rel=1e-6)
    assert now["remembers"]["newer"]["bits"] == pytest.approx(bits_of(learner, lived[half:]), rel=1e-6)

    server.client.post(f"/v1/snapshots/{saved['id']}/restore").raise_for_status()
    assert told(server) == {**then, "tick": saved["tick"]}
    server.kill()
    assert known(server.start()) == {"wiki": len(WIKI)}


def bits_of(learner: DendriteLearner, text: str) -> float:
    """Return the bits a token of up to 16 stretches of 256, each after up to 64, by a frozen fork."""
    tokens, bits = list(text.encode()), []
    for start in np.linspace(0, len(tokens) - 256, min(16, len(tokens) // 256)).astype(int):
        lead = min(64, int(start))
        said = learner.fork().dream(tokens[start - lead : start + 256], lead, 0.0, outputs="surprise")
        assert said.surprise is not None
        bits.append(said.surprise)
    return float(np.concatenate(bits).mean(dtype=np.float64))


def test_a_key_is_a_label(new_server: Callable[..., ThreadServer]) -> None:
    server = new_server(variant="fast", api_key="a-secret-of-some-length")
    server.client.headers["Authorization"] = "Bearer a-secret-of-some-length"
    server.start().run(text="by my key")
    server.run(text="by another name", label="book")
    assert known(server) == {"environment": 9, "book": 15}


@pytest.mark.parametrize("label", ["", "x" * 65, "a\nb"])
def test_a_label_that_is_none_is_refused(server: ThreadServer, label: str) -> None:
    answer = server.client.post("/v1/inputs", json={"text": "a", "label": label})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/label")
    with connect(f"ws://127.0.0.1:{server.port}/v1/stream") as stream:
        stream.recv()
        stream.send(json.dumps({"type": "input", "seq": 1, "text": "a", "label": label}))
        problem = json.loads(stream.recv())["problem"]
    assert problem["errors"][0]["pointer"] == "/label"
    assert server.net()["tokens_seen"] == 0


def test_what_cannot_be_told_is_refused(server: ThreadServer, frames_server: ThreadServer) -> None:
    for since in ("1", "abc", "00000009"):
        answer = server.client.get("/v1/self", params={"since": since})
        assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "since")
    data = server.client.get(f"/v1/snapshots/{server.snapshot()['id']}/data").content
    headers = {"content-type": "application/octet-stream"}
    brought = server.client.post("/v1/snapshots/upload", content=data, headers=headers).json()["id"]
    assert server.client.get("/v1/self", params={"since": brought}).status_code == 409
    assert told(server, remember="true")["remembers"] is None  # it has lived nothing
    server.run(text=WIKI)
    later = server.snapshot()["id"]
    server.client.post("/v1/snapshots/00000001/restore").raise_for_status()
    assert "restored" in server.client.get("/v1/self", params={"since": later}).json()["detail"]

    frames_server.run(frames=[[0, 1, 0]], label="sensor")
    of_frames = told(frames_server)
    assert (of_frames["sure"], of_frames["knows"], of_frames["kinds"]) == (None, [], None)
    assert frames_server.client.get("/v1/self?remember=true").status_code == 409
