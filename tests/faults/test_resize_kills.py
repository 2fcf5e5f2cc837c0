"""A server that is killed while its net grows or shrinks is, at its next start, as it was before or as it is after."""

import sys
from collections.abc import Callable

import httpx
import pytest

from realnet import DendriteLearner
from tests.faults.story import IS_SHORT
from tests.running_server import ALONE, ProcessServer

TEXT = "what is lived through once is lived through again, and what has grown has grown. " * 5
BEFORE = "service.journal.journal:LoggedJournal.append"  # its record
AFTER = "service.replica.replica:Replica._resize"  # and before anything is done
DONE = "service.engine.replies:Replies.applied"  # and not yet told
LINES_ONLY = "realnet.dendrites.net:with_dendrites"  # the lines are doubled, and the dendrites not there yet
SOME_LINES = "realnet.dendrites.growth:add_lines_"  # there is room for those that are left, and they are not in it
KILLS = [("grow", LINES_ONLY), ("shrink", SOME_LINES)]
MORE = [
    *(("grow", BEFORE), ("grow", AFTER), ("shrink", BEFORE)),
    *(("grow", DONE), ("shrink", AFTER), ("shrink", DONE)),
]
DYING = """
import os
import signal
from importlib import import_module

from service.engine.engine import Engine
from service.journal.records import ResizeRecord

module, names = "{place}".split(":")
*of_class, name = names.split(".")
owner = getattr(import_module(module), *of_class) if of_class else import_module(module)
was, catch_up, alive = getattr(owner, name), Engine._catch_up, []

def dies(*given):
    resizes = any(isinstance(getattr(each, "record", each), ResizeRecord) for each in given)
    if alive and (resizes or not of_class):
        os.kill(os.getpid(), signal.SIGKILL)
    return was(*given)

def begins(engine, replay):  # a start resizes the net again
    seconds = catch_up(engine, replay)
    if engine.replay is None:
        alive.append(engine)
    return seconds

setattr(owner, name, dies)
Engine._catch_up = begins
"""


def start(server: ProcessServer, place: str) -> None:
    server.command = sys.executable, "-c", DYING.format(place=place) + ALONE[-1]
    server.start()


@pytest.mark.long
def test_it_is_killed_at_each_place(new_process: Callable[..., ProcessServer]) -> None:
    server = new_process(preset="dendrites", variant="fast", max_lines=4096, snapshot_every=0, journal="always")
    alone = DendriteLearner.create("fast", max_lines=4096)
    kills = KILLS if IS_SHORT else KILLS + MORE
    contexts = iter(["order 5", "order 7", "indent", "kinds", "shape", "marks"])
    start(server, kills[0][1])
    for (way, place), (_, later) in zip(kills, [*kills[1:], kills[-1]], strict=True):
        server.run(text=TEXT)
        alone.run(alone.vocabulary.encode(TEXT))
        lines, more = (4096, []) if way == "shrink" else (16384, [next(contexts)])
        with pytest.raises(httpx.TransportError):
            server.client.post(f"/v1/net/{way}", json={"lines": lines} | ({"contexts": more} if more else {}))
        server.wait()
        if place != BEFORE and more:
            alone.net.grow(lines, more)
        elif place != BEFORE:
            alone.net.shrink(lines)
        start(server, later)
        assert server.weights() == alone.checkpoint().weights_sha256(), (way, place)
    server.run(text=TEXT)
    alone.run(alone.vocabulary.encode(TEXT))
    assert server.weights() == alone.checkpoint().weights_sha256()
