"""Alerts as Alertmanager takes them: checked against what its OpenAPI document asks for."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import jsonschema
import pytest

from service.hooks.alertmanager import message_of, open_of
from service.hooks.hook import Hook
from service.streams.rows import StreamEvent
from tests.hooks.receiver import Receiver, add, until
from tests.running_server import ThreadServer
from tests.streams.test_observe import noise, observe

NOW = 1_800_000_000.0
HOOK = Hook(id="1", url="http://a/am/", kind="alertmanager", secret=None, streams=(), since=NOW, delivered=0)
WORDS = {"type": "object", "additionalProperties": {"type": "string"}}
POSTABLE_ALERTS = {  # as in api/v2/openapi.yaml of Alertmanager
    "type": "array",
    "items": {
        "type": "object",
        "required": ["labels"],
        "additionalProperties": False,
        "properties": {
            "labels": WORDS,
            "annotations": WORDS,
            "startsAt": {"type": "string", "format": "date-time"},
            "endsAt": {"type": "string", "format": "date-time"},
            "generatorURL": {"type": "string", "format": "uri"},
        },
    },
}


def event(number: int, state: Any, seconds: float = 0.0, what: float | str = 9.5, muted: bool = False) -> StreamEvent:
    return StreamEvent(
        id=1,
        stream="cpu",
        number=number,
        state=state,
        row=7,
        at=1e9,
        received_at=NOW + seconds,
        what=what,
        kind="lines" if isinstance(what, str) else "values",
        score=0.9,
        bits=21.04,
        why={"jump": 20.0},
        expected="like this" if isinstance(what, str) else 3.0,
        low=None if isinstance(what, str) else 2.0,
        high=None if isinstance(what, str) else 4.0,
        muted=muted,
    )


def alerts(events: list[StreamEvent], now: float = 0.0, sent: Mapping[tuple[str, int], float] = {}) -> list[Any]:
    message = message_of(HOOK, events, sent, NOW + now)
    assert message.url == "http://a/am/api/v2/alerts"
    told: list[Any] = json.loads(message.body)
    jsonschema.validate(told, POSTABLE_ALERTS, format_checker=jsonschema.FormatChecker())
    assert all(seconds(each["endsAt"]) >= seconds(each["startsAt"]) for each in told)
    return told


def seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp() - NOW


def test_what_is_open_fires_for_a_while() -> None:
    (alert,) = alerts([event(3, "open")], now=2)
    assert alert["labels"] == {"alertname": "RealNetNews", "severity": "warning", "stream": "cpu", "number": "3"}
    assert alert["annotations"] == {
        "summary": "cpu: 9.5",
        "description": "row 7 at 2001-09-09T01:46:40+00:00 is news (open): 21.0 bits by jump 20.0",
        "expected": "3 (2 to 4)",
        "score": "0.900",
    }
    assert (seconds(alert["startsAt"]), seconds(alert["endsAt"])) == (0, 302)


def test_what_gets_worse_is_the_same_alert() -> None:
    (alert,) = alerts([event(3, "open"), event(3, "worse", 10)], now=11)
    assert (seconds(alert["startsAt"]), seconds(alert["endsAt"])) == (0, 311)
    (again,) = alerts([event(3, "worse", 10)], now=11)
    assert again["labels"] == alert["labels"]


@pytest.mark.parametrize(
    ("sent", "ends"),
    [
        ({("cpu", 3): NOW}, 1000),  # the event's own end
        ({("cpu", 3): NOW + 900}, 1200),  # it was sent late, and Alertmanager is to come to tell of it
        ({}, 1301),  # the server began anew since: it may never have been told
    ],
)
def test_what_is_closed_ends(sent: dict[tuple[str, int], float], ends: float) -> None:
    (alert,) = alerts([event(3, "closed", 1000)], now=1001, sent=sent)
    assert seconds(alert["endsAt"]) == ends


def test_what_was_opened_and_closed_while_nobody_listened_still_fires() -> None:
    (alert,) = alerts([event(3, "open"), event(3, "closed", 60)], now=3600)
    assert (seconds(alert["startsAt"]), seconds(alert["endsAt"])) == (0, 3900)


def test_a_line_stands_for_five_minutes_and_has_no_end_of_its_own() -> None:
    (alert,) = alerts([event(4, "open", what="kernel: \ud83d\ude00 panic")], now=3600)
    assert seconds(alert["endsAt"]) == 3900
    assert alert["annotations"]["expected"] == "like this"


def test_only_what_is_not_over_is_sent_again() -> None:
    lasting = event(1, "worse")
    others = [event(2, "closed"), event(3, "open", what="a line"), event(4, "open", muted=True), None]
    assert open_of([lasting, *others]) == [lasting]


def test_times_that_go_back_make_no_alert_that_is_refused() -> None:
    alerts([event(3, "open", 1000)], now=0)


def test_a_server_posts_alerts_and_posts_them_again_while_they_last(
    server: ThreadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.hooks.alertmanager.RESEND_SECONDS", 0.05)
    with Receiver().up() as receiver:
        add(server, receiver.url.removesuffix("/events"), kind="alertmanager")
        observe(server, "cpu", values=[*noise(300), 1e3])
        until(lambda: len(receiver.got) >= 4)
        assert {got.path for got in receiver.got} == {"/api/v2/alerts"}
        for got in receiver.got:
            told = json.loads(got.body)
            jsonschema.validate(told, POSTABLE_ALERTS)
            assert [each["labels"]["number"] for each in told] == ["1"]
        observe(server, "cpu", values=noise(60, 2))
        until(lambda: "closed" in receiver.got[-1].body.decode())
        observe(server, "cpu", values=[*noise(200), 1e4])
        until(lambda: json.loads(receiver.got[-1].body)[0]["labels"]["number"] == "2")
        judged = server.client.post("/v1/feedback", json={"stream": "cpu", "event": 2, "verdict": "normal"})
        assert judged.status_code == 200, judged.text
        assert judged.json()["last_event"]["state"] == "closed"
        until(lambda: "closed" in receiver.got[-1].body.decode())
