"""Webhooks: what they are sent, by whom it is signed, and what becomes of it where they do not take it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from tests.hooks.receiver import Receiver, add, events, hook, until
from tests.running_server import ThreadServer
from tests.streams.test_observe import NewServer, noise, observe

SECRET = "whsec_" + "c2VjcmV0" * 4


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().up() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def no_hooks_left(server: ThreadServer) -> Iterator[None]:
    yield
    for each in server.client.get("/v1/hooks").json()["data"]:
        assert server.client.delete(f"/v1/hooks/{each['id']}").status_code == 204


def news(server: ThreadServer, stream: str) -> None:
    """Have a stream, which is new, begin an event and end it."""
    observe(server, stream, values=[*noise(300), 1e3, *noise(60, 2)])


def last_id(server: ThreadServer) -> int:
    return max((each["id"] for each in events(server)), default=0)


def test_what_comes_is_sent_as_the_api_tells_it(server: ThreadServer, receiver: Receiver) -> None:
    before = last_id(server)
    made = add(server, receiver.url)
    news(server, "told")
    expected = events(server, before)
    assert {event["state"] for event in expected} == {"open", "closed"}
    until(lambda: hook(server, made["id"])["waiting"] == 0)
    assert [event for got in receiver.got for event in got.events] == expected
    state = hook(server, made["id"])
    assert (state["state"], state["error"]) == ("ok", None)
    assert state["delivered"] == expected[-1]["id"]
    assert "secret" not in state


def test_another_reader_of_the_signature_agrees(server: ThreadServer, receiver: Receiver) -> None:
    made = add(server, receiver.url, secret=SECRET)
    assert made["secret"] == SECRET
    news(server, "signed")
    until(lambda: receiver.got)
    for got in receiver.got:
        assert Webhook(SECRET).verify(got.body, dict(got.headers)) == {"events": got.events}


def test_a_secret_is_made_where_none_is_given(server: ThreadServer, receiver: Receiver) -> None:
    made = add(server, receiver.url)
    assert server.client.post(f"/v1/hooks/{made['id']}/test").status_code == 204
    Webhook(made["secret"]).verify(receiver.got[0].body, dict(receiver.got[0].headers))
    assert [(event["id"], event["stream"]) for event in receiver.got[0].events] == [(0, "test")]


def test_only_the_streams_that_are_asked_for_are_sent(server: ThreadServer, receiver: Receiver) -> None:
    add(server, receiver.url, streams=["web-*", "one"])
    for name in ("web", "other", "web-1", "ones", "one"):
        news(server, name)
    until(lambda: "one" in [event["stream"] for got in receiver.got for event in got.events])
    assert {event["stream"] for got in receiver.got for event in got.events} == {"web-1", "one"}


def test_nobody_is_called_in_a_time_of_maintenance(server: ThreadServer, receiver: Receiver) -> None:
    observe(server, "kept", values=noise(300))
    now = time.time()
    maintenance = [{"begin": time_as_text(now - 1000), "end": time_as_text(now + 1000)}]
    assert server.client.patch("/v1/streams/kept", json={"maintenance": maintenance}).status_code == 200
    add(server, receiver.url)
    before = last_id(server)
    observe(server, "kept", values=[1e3])
    news(server, "loud")
    assert [event["muted"] for event in events(server, before)].count(True) == 1
    until(lambda: receiver.got)
    assert {event["stream"] for got in receiver.got for event in got.events} == {"loud"}


def test_a_receiver_that_was_down_gets_all_in_order(server: ThreadServer) -> None:
    receiver, before = Receiver(), last_id(server)
    made = add(server, receiver.url)
    for number in range(3):
        news(server, f"down-{number}")
    expected = [event["id"] for event in events(server, before)]
    until(lambda: hook(server, made["id"])["failures"])
    state = hook(server, made["id"])
    assert (state["state"], state["waiting"]) == ("retrying", len(expected))
    assert "ConnectError" in state["error"]
    assert state["next_try"] is not None
    with receiver.up():
        until(lambda: len(receiver.ids) == len(expected))
    assert receiver.ids == expected
    assert hook(server, made["id"])["state"] == "ok"


def test_a_refusal_is_told_and_nothing_is_lost_by_it(server: ThreadServer, receiver: Receiver) -> None:
    receiver.answer = (410, {}, b"gone\r\n\x00 for good " + b"x" * 100_000)
    before, made = last_id(server), add(server, receiver.url)
    news(server, "refused")
    until(lambda: hook(server, made["id"])["state"] == "failing")
    error = hook(server, made["id"])["error"]
    assert error.startswith("it answers 410: gone for good xxx")
    assert len(error) < 300
    answer = server.client.post(f"/v1/hooks/{made['id']}/test")
    assert (answer.status_code, answer.json()["type"]) == (502, "/problems/peer-failed")
    receiver.answer = (200, {}, b"ok")
    assert server.client.post(f"/v1/hooks/{made['id']}/test").status_code == 204  # … and what waits is sent at once
    expected = [event["id"] for event in events(server, before)]
    until(lambda: receiver.ids == [0, *expected])


def test_a_receiver_that_asks_for_time_is_given_it(server: ThreadServer, receiver: Receiver) -> None:
    receiver.answer = (429, {"Retry-After": "120"}, b"")
    made = add(server, receiver.url)
    news(server, "limited")
    until(lambda: hook(server, made["id"])["failures"])
    state = hook(server, made["id"])
    assert state["state"] == "retrying"
    assert 100 < datetime.fromisoformat(state["next_try"]).timestamp() - time.time() <= 120


def test_a_redirect_is_not_followed(server: ThreadServer, receiver: Receiver) -> None:
    with Receiver().up() as other:
        receiver.answer = (307, {"Location": other.url}, b"")
        made = add(server, receiver.url)
        answer = server.client.post(f"/v1/hooks/{made['id']}/test")
        assert (answer.status_code, other.tries) == (502, 0)
        assert answer.json()["detail"] == "it answers 307, and redirects are not followed"


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"url": "http://10.0.0.1/x"}, 403, None),
        ({"url": "http://127.0.0.1\\@example.org/"}, 422, "/url"),
        ({"url": "http://user:word@127.0.0.1/"}, 422, "/url"),
        ({"url": "http://127.0.0.1:99999/"}, 422, "/url"),
        ({"url": "ftp://127.0.0.1/"}, 422, "/url"),
        ({"url": "nonsense"}, 422, "/url"),
        ({"url": "http://127.0.0.1/", "secret": "whsec_c2hvcnQ="}, 422, "/secret"),
        ({"url": "http://127.0.0.1/", "secret": "secret" * 8}, 422, "/secret"),
        ({"url": "http://127.0.0.1/", "kind": "alertmanager", "secret": SECRET}, 422, "/secret"),
        ({"url": "http://127.0.0.1/", "streams": ["a", ""]}, 422, "/streams/1"),
        ({"url": "http://127.0.0.1/", "kind": "mail"}, 422, "/kind"),
    ],
)
def test_what_cannot_be_is_refused(server: ThreadServer, body: dict[str, str], status: int, pointer: str) -> None:
    answer = add(server, status=status, **body)
    assert [each["pointer"] for each in answer.get("errors", [])] == ([pointer] if pointer else [])
    assert server.client.get("/v1/hooks").json()["data"] == []


def test_the_same_hook_is_not_made_twice(server: ThreadServer, receiver: Receiver) -> None:
    made = add(server, receiver.url)
    assert made["id"] in add(server, receiver.url, status=409)["detail"]
    add(server, receiver.url, streams=["a"])


def test_there_are_not_more_than_a_server_can_bear(server: ThreadServer, receiver: Receiver) -> None:
    for number in range(16):
        add(server, f"{receiver.url}/{number}")
    add(server, receiver.url, status=409)


def test_an_unknown_hook_is_not_found(server: ThreadServer) -> None:
    assert server.client.delete("/v1/hooks/nothing").status_code == 404
    assert server.client.post("/v1/hooks/nothing/test").status_code == 404


def test_a_hook_that_is_deleted_is_sent_nothing_and_stays_deleted(new_server: NewServer, receiver: Receiver) -> None:
    server = new_server().start()
    made = add(server, receiver.url)
    kept = add(server, receiver.url, streams=["kept"])
    assert server.client.delete(f"/v1/hooks/{made['id']}").status_code == 204
    news(server, "a")
    server.terminate()
    server.start()
    assert [each["id"] for each in server.client.get("/v1/hooks").json()["data"]] == [kept["id"]]
    news(server, "kept")
    until(lambda: receiver.got)
    assert {event["stream"] for got in receiver.got for event in got.events} == {"kept"}


def test_a_host_that_the_settings_no_longer_name_is_not_called(
    new_server: NewServer, receiver: Receiver, tmp_path: Path
) -> None:
    url, store = receiver.url.replace("127.0.0.1", "127.0.0.2"), f"file:{tmp_path}/store"
    first = new_server(store=store, peers=("127.0.0.2",)).start()
    made = add(first, url)
    first.terminate()
    second = new_server(store=store).start()
    news(second, "a")
    until(lambda: hook(second, made["id"])["state"] == "failing")
    assert "REALNET_PEERS" in hook(second, made["id"])["error"]


def time_as_text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
