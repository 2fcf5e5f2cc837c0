"""Two servers on one store: one of them lives, and what it learns stays right."""

import os
import signal
import threading
from collections.abc import Callable

import httpx
import pytest
from redis import Redis

from service.store.keys import REDIS_LEASE
from tests.faults.story import NEURONS, weights_after_a_start
from tests.redis_server import RedisServer
from tests.running_server import ProcessServer

pytestmark = pytest.mark.anyio

MakeServer = Callable[..., ProcessServer]


def test_the_second_does_not_start(new_process: MakeServer, store_url: str) -> None:
    first, second = (new_process(store=store_url, neurons=NEURONS) for _ in range(2))
    first.start().run(text="one")
    second.launch()
    assert second.wait() == 1
    assert "is in use by another server" in second.log
    assert "Traceback" not in second.log
    first.run(text="two")


async def test_one_that_was_stopped_for_too_long_ends_when_another_has_taken_over(
    new_process: MakeServer, redis_server: RedisServer
) -> None:
    first, second = (new_process(store=redis_server.url, neurons=NEURONS) for _ in range(2))
    first.start().run(text="first")
    os.kill(first.pid, signal.SIGSTOP)
    client = Redis.from_url(redis_server.url)
    client.delete(REDIS_LEASE)  # as after ten seconds
    client.close()
    second.start().run(text="second")
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(first.client.post("/v1/inputs", json={"text": "lost"})))
    asking.start()
    os.kill(first.pid, signal.SIGCONT)
    asking.join()
    assert (answers[0].status_code, answers[0].json()["type"]) == (503, "/problems/not-durable")
    assert first.wait() == 1
    assert "realnet: another server has taken redis" in first.log
    assert "Traceback" not in first.log
    second.run(text="goes on")
    net = second.net(hash="true")
    assert net["tokens_seen"] == len("firstsecondgoes on")
    second.kill()
    assert await weights_after_a_start(redis_server.url) == net["weights_sha256"]
