"""`realnet streams` and `realnet events`."""

import json
import random
import signal

from realnet.client import Client, Row
from tests.cli.commands import complaint, shown, started
from tests.running_server import ThreadServer


def teach(url: str, stream: str, last: float = 1e3) -> None:
    noise = random.Random(1)
    with Client(url) as client:
        client.observe(stream, values=[*(10 + noise.gauss(0, 0.1) for _ in range(300)), last])


def test_streams_are_listed_looked_into_taught_and_forgotten(server: ThreadServer) -> None:
    teach(server.url, "web-1 load")
    with Client(server.url) as client:
        client.observe("auth", lines=["a line"])
    heads, auth, load = shown("streams", "list", url=server.url).splitlines()
    assert heads.split() == ["stream", "kind", "rows", "alarms", "in", "1,000", "last", "row"]
    assert auth.split() == ["auth", "lines", "1", "0", "0", "learns", "what", "is", "usual"]
    assert load.split() == ["web-1", "load", "values", "301", "1", "3.322", "-"]
    assert [each["name"] for each in json.loads(shown("streams", "list", "--json", url=server.url))] == [
        "auth",
        "web-1 load",
    ]
    about = dict(line.split("  ", 1) for line in shown("streams", "show", "web-1 load", url=server.url).splitlines())
    assert about["last event"].strip() == "#1 open"
    assert "direction both" in about["options"]
    assert shown("streams", "feedback", "web-1 load", "1", "normal", url=server.url) == "web-1 load: #1 is normal\n"
    assert "no event 9" in complaint("streams", "feedback", "web-1 load", "9", "anomaly", url=server.url)
    assert "--yes" in complaint("streams", "delete", "auth", url=server.url, status=2)
    assert shown("streams", "delete", "auth", "--yes", url=server.url) == "deleted auth\n"
    assert "no stream has this name" in complaint("streams", "show", "auth", url=server.url)


def test_events_of_several_values_and_of_json_are_printed(server: ThreadServer) -> None:
    noise = random.Random(1)
    rows: list[Row] = [{"values": {"cpu": 10 + noise.gauss(0, 0.1), "disk": 5.0}} for _ in range(300)]
    with Client(server.url) as client:
        client.observe("several", [*rows, {"values": {"cpu": 1e3, "disk": 5.0}}])
        client.observe("json", [{"fields": {"user": f"u{at % 9}", "action": "login"}} for at in range(600)])
        client.observe("json", [{"fields": {"user": "root", "oops": "the disk is on fire"}}])
        last = client.streams.rows("several")[-1]
    assert last.each is not None
    assert last.each["cpu"].high is not None
    told = shown("events", url=server.url)
    assert "cpu 1000, expected 9" in told
    assert '{"user":"root","oops":"the disk is on fire"}' in told


def test_events_are_printed_as_watch_prints_them(server: ThreadServer) -> None:
    for name in ("one", "two"):
        teach(server.url, name)
    *_, one, two = shown("events", url=server.url).splitlines()
    assert one.split()[2:6] == ["one", "#1", one.split()[4], "1000,"]
    assert "two" in two
    assert shown("events", "--last", "1", url=server.url).splitlines() == [two]
    [event] = map(json.loads, shown("events", "--stream", "one", "--json", url=server.url).splitlines())
    assert (event["value"], event["number"], event["state"]) == (1e3, 1, "open")
    assert shown("events", "--after", str(event["id"]), url=server.url).splitlines() == [two]
    arguments = "events", "--follow", "--after", "0", "--stream", "three", "--json"
    with started(*arguments, url=server.url) as process:
        assert process.stdout is not None
        teach(server.url, "three")
        assert json.loads(process.stdout.readline())["stream"] == "three"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
