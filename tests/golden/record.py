"""Adds golden stores to those that there are, with a real server: `python -m tests.golden.record STORY…`.

Those of tokens and frames were recorded in a checkout of commit 3df36ab, the last one before the journal got its one
interpreter and the modules their packages. What it wrote is kept so that a later program that reads a journal
differently by one bit, or opens an older store no more, is found out. To record anew with a later program would prove
nothing of that; only a new kind of net or of record deserves a new store, beside these.

Each store is of a server that was killed, so that a start finds snapshots and journal alone. The server lives in the
year 2100: an Idempotency-Key is forgotten after 24 hours, and those recorded here must not be.
"""

import json
import os
import shutil
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.golden.golden import EXPECTED, STORES, Steps, expected, live_on, observed, steady_net, unpack, without_avx512
from tests.golden.recording import Recording
from tests.golden.stories import STORIES, Story
from tests.running_server import ALONE, ProcessServer

_LATER = "import time; now = time.time; time.time = lambda: now() + 75 * 365.25 * 86400; "
_COMMAND = (*ALONE[:-1], _LATER + ALONE[-1])


def record(story: Story, life: Recording, kept: Path) -> dict[str, Any]:
    """Kill the server at the end of its story, keep a copy of its store, and return what the next start finds."""
    later = story(life)
    server, net = life.server, steady_net(life.server)
    is_at_rest = server.net()["mode"] != "paused"
    life.kill()
    shutil.copytree(life.directory / "data", kept, ignore=shutil.ignore_patterns(".*"))
    server.start()
    now = observed(server, life.clients)
    assert now["clients"] == life.clients
    if is_at_rest:  # else a job goes on at the start
        assert now["net"] == net
    live_on(server, repeats_of(life))
    assert steady_net(server) == now["net"]
    live_on(server, later)
    print(story.__name__, [type(each).__name__ for each in life.records()])
    return {"now": now, "repeats": repeats_of(life), "steps": later, "later": observed(server, life.clients)}


def repeats_of(life: Recording) -> Steps:
    """Return what is known already: nothing of it is learnt again."""
    known: Steps = [{"client": name, "seq": seq, "input": life.told[name]} for name, seq in life.clients.items()]
    return [*known, *life.repeats]


def main() -> None:
    os.environ.update(without_avx512())
    asked, found = [story for story in STORIES if story.__name__ in sys.argv[1:]], expected()
    with tempfile.TemporaryDirectory() as place:
        stores = Path(place) / "stores"
        unpack(stores)
        for story in asked:
            name = story.__name__
            shutil.rmtree(stores / name, ignore_errors=True)  # only of a net that was never released
            with closing(Recording(Path(place) / name)) as life, patch.object(ProcessServer, "command", _COMMAND):
                found[name] = record(story, life, stores / name)
        with tarfile.open(STORES, "w:xz", preset=9) as archive:
            for name in found:
                archive.add(stores / name, name, filter=anonymous)
    EXPECTED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    main()
