"""A webhook that is down, or cut off in a message, loses no event by it, however often the server is killed."""

import random
import time
from collections.abc import Callable

import pytest

from tests.faults.story import ROUNDS
from tests.hooks.receiver import Receiver, add, events, hook, until
from tests.running_server import ProcessServer
from tests.streams.test_observe import noise

MakeServer = Callable[..., ProcessServer]
pytestmark = pytest.mark.timeout(60 + 20 * ROUNDS)


def news(server: ProcessServer, *streams: str) -> None:
    for stream in streams:
        answer = server.client.post("/v1/observe", json={"stream": stream, "values": [*noise(200), 1e3, *noise(60, 2)]})
        assert answer.status_code == 200, answer.text


def in_order(ids: list[int]) -> list[int]:
    """Return ids without those that came before: an event may come twice."""
    return list(dict.fromkeys(ids))


def test_what_a_webhook_missed_is_sent_after_a_kill(new_process: MakeServer) -> None:
    receiver, server = Receiver(), new_process().start()
    made = add(server, receiver.url)
    news(server, "a", "b")
    until(lambda: hook(server, made["id"])["failures"])
    server.kill()
    server.start()
    news(server, "c")
    expected = [each["id"] for each in events(server)]
    assert len(expected) >= 6
    server.kill()
    with receiver.up():
        server.start()
        until(lambda: in_order(receiver.ids) == expected)
        until(lambda: hook(server, made["id"])["delivered"] == expected[-1])
        server.kill()
        server.start()
        news(server, "d")
        expected = [each["id"] for each in events(server)]
        until(lambda: in_order(receiver.ids) == expected)
        assert receiver.ids.count(expected[0]) == 1  # what is stored as delivered is not sent again


def test_killed_at_any_moment_of_a_delivery(new_process: MakeServer) -> None:
    chance, receiver = random.Random(ROUNDS), Receiver()
    server = new_process().start()
    add(server, receiver.url)
    with receiver.up():
        for number in range(ROUNDS):
            news(server, f"s{number}")
            expected = [each["id"] for each in events(server)]
            time.sleep(chance.uniform(0, 0.05))
            server.kill()
            server.start()
        until(lambda: in_order(receiver.ids) == expected)
    assert expected == list(range(1, len(expected) + 1))
