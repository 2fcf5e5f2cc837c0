"""Hooks of a server that follows, of one that comes to lead, and as Prometheus sees them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.hive.servers import Servers, hive_of, wait_until
from tests.hooks.receiver import Receiver, add, events, until
from tests.running_server import ThreadServer
from tests.streams.test_observe import noise, observe

SMALL = {"variant": "fast", "max_lines": 2**12}


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    made = Servers(tmp_path)
    yield made
    made.close()


def test_only_who_leads_sends_and_who_comes_to_lead_goes_on(servers: Servers) -> None:
    leader, receiver = servers.leader(**SMALL), Receiver()
    follower = servers.follower(standby=True, **SMALL)
    wait_until(lambda: hive_of(follower)["leader"] == leader.url, "the follower knows its leader")
    with receiver.up():
        made = add(follower, receiver.url)  # it is made by the leader
        observe(leader, "before", values=[*noise(200), 1e3])
        expected = [each["id"] for each in events(leader)]
        until(lambda: receiver.ids == expected)
    observe(leader, "between", values=[*noise(200), 1e3])
    expected = [each["id"] for each in events(leader)]
    leader.terminate()
    wait_until(lambda: hive_of(follower)["role"] == "leader", "the other one leads")
    with receiver.up():
        observe(follower, "after", values=[*noise(200), 1e3])
        expected = [each["id"] for each in events(follower)]
        until(lambda: receiver.ids == expected)
    (listed,) = follower.client.get("/v1/hooks").json()["data"]
    assert listed["id"] == made["id"]


def test_prometheus_is_told_of_every_stream_and_hook(server: ThreadServer) -> None:
    receiver, name = Receiver(), 'a "quoted" \\ stream'
    with receiver.up():
        id = add(server, receiver.url)["id"]
        told = observe(server, name, values=[*noise(200), 1e3])["told"]
        observe(server, "young", values=[1.0])
        until(lambda: receiver.got)
        until(lambda: figures(server)["realnet_hook_events_total", id] == 1)
    found = figures(server)
    assert found["realnet_stream_score", name] == told[-1]["score"]
    assert found["realnet_stream_rows_total", name] == 201
    assert found["realnet_stream_alarms_total", name] == 1
    assert (found["realnet_stream_ready", name], found["realnet_stream_ready", "young"]) == (1, 0)
    assert (found["realnet_hook_waiting", id], found["realnet_hook_failures_total", id]) == (0, 0)
    assert found["realnet_hook_up", id] == 1
    observe(server, "other", values=[*noise(200), 1e3])
    until(lambda: figures(server)["realnet_hook_up", id] == 0)
    assert figures(server)["realnet_hook_waiting", id] == 1
    assert figures(server)["realnet_hook_failures_total", id] >= 1


def figures(server: ThreadServer) -> dict[tuple[str, str], float]:
    """Return the value of each metric of a stream or a hook, by its name and the name of that."""
    samples = [
        sample
        for family in text_string_to_metric_families(server.client.get("/metrics").text)
        for sample in family.samples
    ]
    named = [(sample, sample.labels.get("stream") or sample.labels.get("hook")) for sample in samples]
    return {(sample.name, name): sample.value for sample, name in named if name}
