"""Sessions at each door: REST, the stream, the client and the command; and over a restart."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from realnet.client import Client, Invalid, open_stream
from tests.api.asking import BOTH, next_of, problem_of
from tests.cli.commands import complaint, shown
from tests.running_server import RunningServer, ThreadServer

A, B = "the cat sat on the mat, ", "0123456789"


def names(server: RunningServer) -> list[str]:
    return [each["name"] for each in server.client.get("/v1/sessions").raise_for_status().json()["data"]]


@pytest.fixture
def talked(server: RunningServer) -> RunningServer:
    """The net has a session `a` in which it has read some text, a session `b` with another, and its own mind."""
    server.run(text=A * 8, session="a")
    server.run(text=B * 8, session="b")
    server.run(text="xyz")
    return server


def test_what_goes_on_from_what_is_in_mind_goes_on_from_that_of_a_session(talked: RunningServer) -> None:
    ask = talked.client
    for session, prompt, wanted in (("a", "the cat s", "at on the mat, "), ("b", "012", "3456789012")):
        asked = {"prompt": prompt, "session": session, "max_tokens": len(wanted), "temperature": 0}
        assert ask.post("/v1/generate", json=asked).raise_for_status().json()["text"] == wanted
        fit = {"session": session}
        expected = ask.get("/v1/net/expected", params=fit).raise_for_status().json()["next"][0]["text"]
        assert (
            ord(expected) == ask.get("/v1/net/explain", params=fit).raise_for_status().json()["token"] == ord(prompt[0])
        )
    new = {"prompt": "q", "max_tokens": 9}
    said = [ask.post("/v1/generate", json=new | how).json()["tokens"] for how in ({"session": "new"}, {"fresh": True})]
    assert said[0] == said[1]  # a new one has nothing in mind
    assert "new" not in names(talked)


def test_outputs_tell_their_session_and_may_be_asked_for_by_it(talked: RunningServer) -> None:
    tick = talked.net()["tick"]
    assert {each["session"] for each in talked.run(text="12", session="b")} == {"b"}
    talked.run(text="x")
    talked.run(text="th", session="a")
    ask, after = talked.client, {"after": str(tick)}
    told = ask.get("/v1/outputs", params=after).json()["outputs"]
    assert [(each["tick"] - tick, each.get("session")) for each in told] == [
        *((1, "b"), (2, "b"), (3, None), (4, "a"), (5, "a"))
    ]
    of_a = ask.get("/v1/outputs", params=after | {"session": "a"}).json()
    assert [each["tick"] - tick for each in of_a["outputs"]] == [4, 5]
    assert of_a["cursor"] == tick + 5
    sessions = ask.get("/v1/sessions").json()["data"]
    assert [(each["name"], each["last_tick"] - tick) for each in sessions[:2]] == [("a", 5), ("b", 2)]


@pytest.mark.anyio
@BOTH
async def test_a_stream_may_be_of_a_session(server: RunningServer, subprotocol: str) -> None:
    async with (
        open_stream(server.url, subprotocol=subprotocol, session="mine") as mine,
        open_stream(server.url, subprotocol=subprotocol) as all_of_it,
    ):
        await mine.send_inputs([{"text": "ab"}, {"text": "cd", "session": "theirs"}, {"text": "e"}])
        own = [await next_of(mine, "outputs") for _ in range(2)]
        assert [bytes(each["token"].astype(np.uint8)) for each in own] == [b"ab", b"e"]
        heard: list[tuple[str | None, bytes]] = []
        while sum(len(text) for _, text in heard) < 5:
            each = await next_of(all_of_it, "outputs")
            heard.append((each.get("session"), bytes(each["token"].astype(np.uint8))))
        assert heard == [("mine", b"ab"), ("theirs", b"cd"), ("mine", b"e")]
        await mine.send({"type": "generate", "seq": 9, "prompt": "a", "max_tokens": 4})
        said = await next_of(mine, "generated")
    asked = {"prompt": "a", "max_tokens": 4, "session": "mine"}
    assert said["tokens"] == server.client.post("/v1/generate", json=asked).json()["tokens"]


@pytest.mark.parametrize("name", ["", "a" * 65, "a\nb", ".", "..", 7])
def test_a_name_that_is_none_is_refused_at_every_door(server: RunningServer, name: Any) -> None:
    ask, seen = server.client, server.net()["tokens_seen"]
    for path, body in (("/v1/inputs", {"text": "a"}), ("/v1/generate", {"prompt": "a"})):
        assert problem_of(ask.post(path, json=body | {"session": name}), 422)["errors"][0]["pointer"] == "/session"
    if name != 7:
        for path in ("/v1/outputs", "/v1/net/expected", "/v1/net/explain"):
            problem = problem_of(ask.get(path, params={"session": name}), 422)
            assert problem["errors"][0]["parameter"] == "session"
    assert server.net()["tokens_seen"] == seen


@pytest.mark.anyio
@BOTH
async def test_a_stream_names_no_wrong_one_either(server: RunningServer, subprotocol: str) -> None:
    async with open_stream(server.url, subprotocol=subprotocol) as stream:
        await stream.send_input(text="a", session="a\nb")
        error = await next_of(stream, "error")
    assert error["problem"]["errors"][0]["pointer"] == "/session"
    with pytest.raises(Invalid, match="64 printable signs"):
        async with open_stream(server.url, session="a" * 65):
            pass


def test_a_session_is_forgotten_and_what_was_learnt_stays(talked: RunningServer) -> None:
    before = talked.weights()
    assert talked.client.delete("/v1/sessions/a").status_code == 204
    problem_of(talked.client.delete("/v1/sessions/a"), 404)
    assert "a" not in names(talked)
    assert talked.weights() == before
    problem_of(talked.client.get("/v1/net/explain", params={"session": "b", "fresh": "true"}), 422)
    problem_of(talked.client.post("/v1/generate", json={"session": "b", "fresh": True}), 422)


def test_an_input_is_another_one_in_another_session(server: RunningServer) -> None:
    headers, seen = {"Idempotency-Key": "once-in-a"}, server.net()["tokens_seen"]

    def said(session: str) -> httpx.Response:
        body = {"text": "ab", "session": session}
        return server.client.post("/v1/inputs", params={"wait": "true"}, json=body, headers=headers)

    for _ in range(2):
        said("a").raise_for_status()
    problem_of(said("b"), 422)
    assert server.run(text="c")
    assert server.net()["tokens_seen"] == seen + 3


def test_the_client_and_the_command_name_sessions(server: RunningServer, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("to be, or not to be. " * 20)
    shown("stream", str(text), "--session", "by command", url=server.url)
    assert shown(
        "generate", "to be, o", "--session", "by command", "--max-tokens", "3", "--temperature", "0", url=server.url
    )
    shown("chat", "--session", "a/chat", "--max-tokens", "2", given=b"to be\n", url=server.url)
    assert [line.split("  ")[0] for line in shown("sessions", "list", url=server.url).splitlines()[:3]] == [
        *("session", "a/chat", "by command")
    ]
    assert shown("sessions", "forget", "a/chat", url=server.url) == "a/chat is forgotten\n"
    assert "there is no session 'a/chat'" in complaint("sessions", "forget", "a/chat", url=server.url)
    assert "--session" in complaint("generate", "a", "--session", "a" * 65, url=server.url)
    with Client(server.url) as client:
        client.run("to be", session="by client")
        said = client.generate("", session="by client", max_tokens=1, temperature=0).text
        assert chr(client.explain(session="by client").token) == said
        assert client.watch.expected(session="by client").next[0].text == said
        with client.stream(session="streamed", own=True) as stream:
            stream.send("to be")
            stream.finish()
            assert [(each.session, each.count) for each in stream] == [("streamed", 5)]
        [last, *_] = client.sessions.list()
        assert (last.name, last.tokens) == ("streamed", 5)
        assert {each.session for each in client.outputs(last.last_tick - 5).outputs} == {"streamed"}
        client.sessions.forget("streamed")
        assert "streamed" not in [each.name for each in client.sessions.list()]


def test_sessions_outlive_a_restart_and_come_back_with_a_snapshot(new_server: Callable[..., ThreadServer]) -> None:
    server = new_server(variant="fast", max_lines=2**14).start()
    server.run(text=A, session="a")
    saved, state = server.snapshot(), server.net(hash="true")["state_sha256"]
    assert saved["state_sha256"] == state
    server.run(text=A, session="b")
    server.run(text=A, session="a")
    before = server.net(hash="true")["state_sha256"]
    server.close()
    server = new_server(variant="fast", max_lines=2**14).start()
    assert server.net(hash="true")["state_sha256"] == before
    assert names(server) == ["a", "b"]
    server.client.post(f"/v1/snapshots/{saved['id']}/restore").raise_for_status()
    assert names(server) == ["a"]
    assert server.net(hash="true")["state_sha256"] == state
