"""Members that are killed while they merge, and inputs that come meanwhile."""

import pytest

from tests.jobs.client import end_of
from tests.merges.servers import HELD_OUT, TEXTS, Start, ancestor, ask, start
from tests.running_server import ProcessServer

__all__ = ["start"]


@pytest.mark.long
def test_a_member_that_is_killed_goes_on_with_the_merge_and_learns_nothing_twice(start: Start) -> None:
    one, two = start(*TEXTS[:2], kind=ProcessServer, journal="always")
    id = ask(one, two)
    while one.client.get(f"/v1/jobs/{id}").json()["status"] == "queued":
        pass
    one.run(text=HELD_OUT[0])  # while it merges
    one.kill()
    one.start().run(text=HELD_OUT[2])
    job = end_of(one, id)
    assert (job["status"], job["result"]["adopted"], job["result"]["late"]) == ("succeeded", True, {})
    assert ancestor(one) == ancestor(two) == job["result"]["lines_sha256"]
    assert one.net()["tokens_seen"] == len(TEXTS[0] + HELD_OUT[0] + HELD_OUT[2])
    for server in (one, two):
        weights = server.weights()
        server.kill()  # right after it came home
        assert server.start().weights() == weights
        assert ancestor(server) == job["result"]["lines_sha256"]
        assert "Traceback" not in server.log
