"""A server that is killed while its net becomes what another is: at its next start it is as before, or as after."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.story import IS_SHORT
from tests.jobs.client import end_of, events
from tests.running_server import ALONE, ProcessServer, ThreadServer
from tests.takeover.servers import NET, of_its_own, state

TEXT = "what one has lived through, the other has lived through. " * 5
TAKEN = "service.snapshots.snapshotter:Snapshotter.take_in"  # and not yet kept
BEFORE = "service.journal.journal:LoggedJournal.append"  # the record of the restore
AFTER = "service.replica.replica:Replica._live"  # and before anything is done
EXACT = "service.snapshots.snapshotter:Snapshotter._exact"  # it is done, and what it was at that tick is not kept
DONE = "service.snapshots.snapshotter:Snapshotter._save_what_is_new"
PLACES = [BEFORE, EXACT] if IS_SHORT else [TAKEN, BEFORE, AFTER, EXACT, DONE]
DYING = """
import os
import signal
from importlib import import_module

from service.engine.engine import Engine
from service.journal.records import RestoreRecord

module, names = "{place}".split(":")
of_class, name = names.split(".")
owner = getattr(import_module(module), of_class)
was, catch_up, alive = getattr(owner, name), Engine._catch_up, []

def dies(*given, **named):
    if alive and (name != "append" or isinstance(given[1], RestoreRecord)):
        os.kill(os.getpid(), signal.SIGKILL)
    return was(*given, **named)

def begins(engine, replay):  # a start restores again
    seconds = catch_up(engine, replay)
    if engine.replay is None:
        alive.append(engine)
    return seconds

setattr(owner, name, dies)
Engine._catch_up = begins
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[ThreadServer]:
    server = of_its_own(tmp_path / "other")
    server.run(text=TEXT)
    yield server
    server.close()


@pytest.mark.long
def test_it_is_killed_at_each_place(new_process: Callable[..., ProcessServer], other: ThreadServer) -> None:
    server = new_process(journal="always", **NET)
    for place in PLACES:
        server.command = sys.executable, "-c", DYING.format(place=place) + ALONE[-1]
        server.start().run(text="another life " * 9)
        was = state(server)
        id = server.client.post("/v1/takeovers", json={"url": other.url}).json()["id"]
        server.wait()
        server.command = ()
        job = end_of(server.start(), id)
        assert (job["status"], state(server)) == ("succeeded", state(other)), place
        before = server.client.get(f"/v1/snapshots/{job['result']['before']}").json()
        assert (before["state_sha256"], before["kept"]) == (was, True), place
        server.terminate()


@pytest.mark.long
def test_it_is_killed_while_it_relives_and_the_other_is_gone(
    new_process: Callable[..., ProcessServer], other: ThreadServer
) -> None:
    server = new_process(**NET).start()
    server.run(text="another life")
    was = state(server)
    id = server.client.post("/v1/takeovers", json={"url": other.url, "how": "relive"}).json()["id"]
    next(job for job in events(server, id) if job["metrics"].get("phase") in ("fetching", "reliving"))
    server.kill()
    other.terminate()
    job = end_of(server.start(), id)
    assert (job["status"], job["error"]["status"], state(server)) == ("failed", 502, was)
    assert other.url in job["error"]["detail"]
