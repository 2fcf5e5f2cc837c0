"""Streams of a real server: rows in over REST, what is told of them and the events out."""

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from realnet.streams.json_events import EventDetector, JsonEvent
from realnet.streams.lines import LineDetector
from realnet.streams.metric import MetricDetector, Value
from realnet.streams.several import SeveralDetector, Values
from tests.running_server import RunningServer, ThreadServer

NewServer = Callable[..., ThreadServer]
WARM_UP = 150


def noise(count: int, seed: int = 1) -> list[float]:
    chance = random.Random(seed)
    return [10 + math.sin(number / 7) + chance.gauss(0, 0.1) for number in range(count)]


def observe(server: RunningServer, stream: str, status: int = 200, key: str | None = None, **body: Any) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = server.client.post("/v1/observe", json={"stream": stream, **body}, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


def get(server: RunningServer, path: str) -> Any:
    answer = server.client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_stream_of_values_is_told_as_by_its_detector(server: ThreadServer) -> None:
    values = [*noise(400), 1e3]
    told = observe(server, "cpu", values=values[:200])["told"] + observe(server, "cpu", values=values[200:])["told"]
    expected = MetricDetector().run([Value(None, value) for value in values])
    assert [each["score"] for each in told] == [each.score for each in expected]
    assert told[-1]["event"] == {"number": 1, "state": "open"}
    stream = get(server, "/v1/streams/cpu")
    assert (stream["kind"], stream["rows"], stream["ready"], stream["alarms"]) == ("values", 401, True, 1)


def test_a_stream_of_lines_is_told_as_by_its_detector(server: ThreadServer) -> None:
    lines = [f"session {number} opened for user u{number % 7}" for number in range(600)]
    lines.append("kernel: out of memory, killed process 12")
    told = observe(server, "auth", lines=lines)["told"]
    expected = LineDetector().run(lines)
    assert [each["score"] for each in told] == [each.score for each in expected]
    assert told[-1]["event"]["state"] == "open"
    assert told[-1]["text"] == lines[-1]


def test_a_stream_of_several_values_is_told_as_by_its_detector(server: ThreadServer) -> None:
    loads, chance = noise(400), random.Random(2)
    sent = [{"cpu": load, "memory": 3 * load + chance.gauss(0, 0.1)} for load in loads] + [
        {"cpu": 10.0, "memory": 90.0}
    ]
    told = observe(server, "host", rows=[{"values": each} for each in sent])["told"]
    expected = SeveralDetector().run([Values(None, each) for each in sent])
    assert [each["score"] for each in told] == [each.score for each in expected]
    assert (told[-1]["values"], told[-1]["event"]["state"]) == (sent[-1], "open")
    assert told[-1]["each"]["memory"]["high"] < 90
    assert get(server, "/v1/streams/host")["kind"] == "several"
    assert get(server, "/v1/events?stream=host")["data"][-1]["values"] == sent[-1]
    unknown = observe(server, "host", 422, rows=[{"values": {"disk": 1.0}}])
    assert unknown["errors"][0]["pointer"] == "/rows/0"


def test_a_stream_of_events_is_told_as_by_its_detector(server: ThreadServer) -> None:
    sent: list[dict[str, Any]] = [
        {"method": "GET", "status": 200, "user": {"name": f"u{number % 7}"}, "list": [1, None]} for number in range(600)
    ]
    sent.append({"method": "DELETE", "status": 500, "user": {"name": "u1"}})
    told = observe(server, "requests", rows=[{"fields": each} for each in sent])["told"]
    expected = EventDetector().run([JsonEvent(each) for each in sent])
    assert [each["score"] for each in told] == [each.score for each in expected]
    assert (told[-1]["fields"], told[-1]["event"]["state"]) == (sent[-1], "open")
    assert get(server, "/v1/rows?stream=requests&last=1")["data"] == told[-1:]


def test_events_are_listed_in_order_and_by_stream(server: ThreadServer) -> None:
    for name in ("a", "b"):
        observe(server, name, values=[*noise(300, ord(name)), 1e3])
    events = get(server, "/v1/events?limit=1000")["data"]
    assert [each["id"] for each in events] == list(range(1, len(events) + 1))
    of_b = get(server, "/v1/events?stream=b")["data"]
    assert of_b
    assert of_b == [each for each in events if each["stream"] == "b"]
    assert of_b[-1]["value"] == 1e3
    assert get(server, f"/v1/events?after={events[-1]['id']}")["data"] == []
    assert get(server, "/v1/events?newest=true&limit=1") == {"data": events[-1:], "has_more": True, "next": None}
    assert get(server, "/v1/events?newest=true&stream=b")["data"] == of_b
    assert get(server, f"/v1/events?newest=true&after={events[0]['id']}")["data"] == events[1:]


def test_the_last_rows_are_kept_with_what_was_told(server: ThreadServer) -> None:
    told = observe(server, "kept", rows=[{"at": 1767225600 + 60 * row, "value": row % 5} for row in range(300)])["told"]
    assert told[0]["at"] == "2026-01-01T00:00:00Z"
    assert get(server, "/v1/rows?stream=kept")["data"] == told[-256:]
    assert get(server, "/v1/rows?stream=kept&last=3")["data"] == told[-3:]


def test_rows_under_one_key_are_learnt_once(server: ThreadServer) -> None:
    first = observe(server, "once", key="once-1", values=noise(200))
    assert observe(server, "once", key="once-1", values=noise(200)) == first
    assert get(server, "/v1/streams/once")["rows"] == 200
    problem = observe(server, "once", 422, key="once-1", values=noise(201))
    assert problem["errors"][0]["parameter"] == "Idempotency-Key"


def test_rows_that_were_refused_are_refused_again_under_their_key(server: ThreadServer) -> None:
    rows = [{"at": 1000, "value": 1.0}, {"at": 999, "value": 1.0}]
    for _ in range(2):
        problem = observe(server, "back", 422, key="back-1", rows=rows)
        assert problem["errors"][0]["pointer"] == "/rows/1"
    assert get(server, "/v1/streams/back")["rows"] == 0


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"values": [1.0, None]}, "/values/1"),
        ({"rows": [{"value": 1.0}, {"at": 5, "value": 1.0}]}, "/rows/1"),
        ({"rows": [{"value": 1.0}, {"text": "a"}]}, "/rows/1"),
        ({"rows": [{"value": 1.0, "text": "a"}]}, "/rows/0"),
        ({"rows": [{"at": "2026-01-01T00:00:00", "value": 1.0}]}, "/rows/0/at"),
        ({"rows": [{"at": 1767225600000, "value": 1.0}]}, "/rows/0/at"),
        ({"rows": [], "learn": True}, "/rows"),
        ({"values": [1.0], "lines": ["a"]}, ""),
        ({"values": [1e301]}, "/values/0"),
        ({"rows": [{"fields": {"a": 1}}, {"values": {"a": 1.0}}]}, "/rows/1"),
        ({"rows": [{"fields": {"a": "b" * 9000}}]}, "/rows/0"),
        ({"rows": [{"values": {"a": "b"}}]}, "/rows/0/values/a"),
        ({"rows": [{"text": None}]}, "/rows/0"),
    ],
)
def test_bad_rows_are_refused_at_their_place(server: ThreadServer, body: dict[str, Any], pointer: str) -> None:
    problem = observe(server, "bad", 422, **body)
    assert problem["errors"][0]["pointer"] == pointer


def test_lines_are_refused_by_a_stream_of_values(server: ThreadServer) -> None:
    observe(server, "numbers", values=[1.0])
    observe(server, "numbers", 422, lines=["one"])


def test_what_is_not_learnt_changes_nothing(server: ThreadServer) -> None:
    observe(server, "frozen", values=noise(300))
    twice = [observe(server, "frozen", values=[1e3], learn=False)["told"][0]["bits"] for _ in range(2)]
    assert twice[0] == twice[1]


def test_maintenance_is_muted_and_not_learnt(server: ThreadServer) -> None:
    rows = [{"at": 60.0 * number, "value": value} for number, value in enumerate(noise(300))]
    observe(server, "nightly", rows=rows)
    period = {"begin": 18000.0, "end": 18120.0}
    patched = server.client.patch("/v1/streams/nightly", json={"maintenance": [period]})
    assert patched.json()["maintenance"] == [{"begin": "1970-01-01T05:00:00Z", "end": "1970-01-01T05:02:00Z"}]
    told = observe(server, "nightly", rows=[{"at": 18000.0 + 60 * each, "value": 1e3} for each in range(3)])["told"]
    assert all(each["score"] >= 0.5 for each in told)
    events = get(server, "/v1/events?stream=nightly")["data"]
    assert {each["row"]: each["muted"] for each in events}[301] is True


def test_a_normal_event_is_no_news_any_more(server: ThreadServer) -> None:
    observe(server, "taught", values=noise(300))
    event = observe(server, "taught", values=[1e3], learn=False)["told"][0]["event"]
    answer = server.client.post(
        "/v1/feedback", json={"stream": "taught", "event": event["number"], "verdict": "normal"}
    )
    assert answer.status_code == 200, answer.text
    assert observe(server, "taught", values=[1e3], learn=False)["told"][0]["score"] == 0
    unknown = server.client.post("/v1/feedback", json={"stream": "taught", "event": 99, "verdict": "normal"})
    assert unknown.status_code == 409


def test_a_stream_is_made_with_options_changed_and_forgotten(server: ThreadServer) -> None:
    path = "/v1/streams/disk%7Bmount=%22/%22%7D"
    made = server.client.put(path, json={"kind": "values", "options": {"expert": "table", "direction": "up"}})
    assert made.status_code == 201, made.text
    assert made.json()["name"] == 'disk{mount="/"}'
    assert server.client.put(path, json={"kind": "values"}).status_code == 409
    assert server.client.patch(path, json={"options": {"budget": 2.0}}).json()["options"]["budget"] == 2.0
    wrong = server.client.patch(path, json={"options": {"budget": 100.0}})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/options")
    assert server.client.patch(path, json={"options": {"expert": "tree"}}).status_code == 409
    assert server.client.delete(path).status_code == 204
    assert server.client.get(path).status_code == 404
    assert server.client.delete(path).status_code == 404


def test_no_more_streams_than_there_may_be(new_server: NewServer) -> None:
    server = new_server(streams=2).start()
    for name in ("a", "b"):
        observe(server, name, values=[1.0])
    problem = observe(server, "c", 409, values=[1.0])
    assert "2 streams" in problem["detail"]
    assert [each["name"] for each in get(server, "/v1/streams")["data"]] == ["a", "b"]
    page = get(server, "/v1/streams?limit=1")
    assert (page["has_more"], page["next"]) == (True, "a")
    observe(server, "a", values=[1.0])


def test_a_net_that_is_paused_does_not_hold_streams_up(new_server: NewServer) -> None:
    server = new_server(variant="fast", max_lines=2**12).start()
    server.run(text="before")
    snapshot = server.snapshot()
    server.client.patch("/v1/net", json={"paused": True})
    waiting = server.client.post("/v1/inputs", json={"text": "this waits"})
    assert waiting.status_code == 202
    observe(server, "meanwhile", values=noise(10))
    assert server.client.post(f"/v1/snapshots/{snapshot['id']}/restore").status_code == 200
    observe(server, "meanwhile", values=noise(10))
    server.client.patch("/v1/net", json={"paused": False})
    server.run(text="after")
    assert get(server, "/v1/streams/meanwhile")["rows"] == 20


@pytest.mark.parametrize(
    "body",
    [
        b'{"stream": "odd lines", "lines": ["\\ud800"]}',
        b'{"stream": "odd fields", "rows": [{"fields": {"\\ud800": "\\udfff", "n": 1e999}}]}',
        b'{"stream": "odd number", "rows": [{"fields": {"n": 123456789012345678901234567890}}]}',
        b'{"stream": "odd values", "rows": [{"values": {"\\ud800": 1.0, "b": null}}]}',
        b'{"stream": "deep", "rows": [{"fields": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}]}",
        b'{"stream": "deeper", "rows": [{"fields": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}]}",
        b'{"stream": "\\udfff", "lines": ["a"]}',
    ],
)
def test_odd_json_ends_nothing(server: ThreadServer, body: bytes) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": body[:40].decode()}
    assert server.client.post("/v1/observe", content=body, headers=headers).status_code in (200, 422)
    assert observe(server, "after", lines=["and the server lives"])["accepted"] == 1


def test_of_a_long_line_its_beginning_is_kept(server: ThreadServer) -> None:
    told = observe(server, "long", lines=["  " + "word " * 10_000])["told"]
    assert told[0]["text"] == ("word " * 60).strip(" ") + " "
