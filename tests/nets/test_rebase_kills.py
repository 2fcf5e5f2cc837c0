"""Children that go on over another parent: what kills and stops in between leave."""

import asyncio
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from realnet.dendrites.family import rebase
from service.api.deps import Edge
from service.hooks.hooks import Hooks
from service.nets.family import Family
from service.store.file import FileStore
from service.store.file_log import FileLog
from tests.api.asking import until
from tests.nets.asking import hash_of, teach
from tests.nets.test_parents import KNOWN, OWN, create_children, parent_in, raise_parent, weights_of
from tests.nets.test_rebase import MakeServer, born, go_over, newer, read
from tests.running_server import ProcessServer

POINTS = ((FileStore, "put"), (FileStore, "delete"), (FileLog, "append"))


def copying(
    whole: Path, monkeypatch: pytest.MonkeyPatch, points: Iterable[tuple[type, str]] = POINTS
) -> list[tuple[str, Path]]:
    """Have a copy of a store made before each write from now on, which is what a kill there would leave."""
    copies: list[tuple[str, Path]] = []
    for owner, name in points:
        was = getattr(owner, name)

        def copied(store: Any, what: Any, *given: Any, was: Callable[..., Any] = was) -> Any:
            copies.append((str(what), whole.parent / f"copy-{len(copies):03d}"))
            shutil.copytree(whole, copies[-1][1], ignore=shutil.ignore_patterns(".*"))
            return was(store, what, *given)

        monkeypatch.setattr(owner, name, copied)
    return copies


@pytest.mark.parametrize("at_each", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_kill_leaves_a_child_over_one_parent_or_the_other(
    new_server: MakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_each: bool
) -> None:
    server = new_server(store=f"file://{tmp_path}/whole", journal="always").start()
    ref = raise_parent(server)
    create_children(server, ref, "one")
    teach(server, "one", OWN, session="mine")
    after = newer(server)
    before = hash_of(server, "one")
    copies = copying(tmp_path / "whole", monkeypatch)
    go_over(server, "one", after)
    monkeypatch.undo()
    over = hash_of(server, "one")
    assert len(copies) >= 8
    names = [name for name, _ in copies]
    record = names.index("3")  # of the journal, behind its birth and what it was taught
    found = []
    for _, copy in copies if at_each else copies[record : record + 2]:
        again = new_server(store=f"file://{copy}").start()
        found.append(hash_of(again, "one"))
        told = again.client.get("/v1/nets/one").json()["parent"]
        assert (told["snapshot"] == after["snapshot"]) == (found[-1] == over)
        go_over(again, "one", after)
        assert hash_of(again, "one") == over
        assert again.client.delete(f"/v1/nets/up/snapshots/{ref['snapshot']}").status_code == 204
        again.terminate()
    turn = found.index(over)
    assert found == [before] * turn + [over] * (len(found) - turn)
    assert turn == (record + 1 if at_each else 1)


@pytest.mark.long
def test_a_job_goes_on_after_kills(new_process: Callable[..., ProcessServer]) -> None:
    """Of a real server, in the middle of its children: each goes over once, and all in the end."""
    server = new_process(journal="always").start()
    ref = raise_parent(server)
    names = [f"c-{number}" for number in range(12)]
    create_children(server, ref, *names)
    for name in names:
        teach(server, name, f"{name} is told {OWN}")
    after = newer(server)
    before = {name: hash_of(server, name) for name in names}
    path = server.client.post("/v1/nets/up/jobs/rebase-children", json={"snapshot": after["snapshot"]})
    job = path.raise_for_status().headers["location"]
    for least in (2, 5, 8):

        def has_done(least: int = least) -> bool:
            told = server.client.get(job).raise_for_status().json()
            return bool(told["metrics"].get("done", 0) >= least)

        until(has_done)
        server.kill()
        server.start()
        told = server.client.get(job).raise_for_status().json()
        if told["status"] == "succeeded":
            break
    with server.client.stream("GET", f"{job}/events") as events:
        assert '"succeeded"' in "".join(events.iter_lines())
    assert server.client.get(job).json()["result"]["rebased"] == len(names)
    for name in names:
        told = server.client.get(f"/v1/nets/{name}").raise_for_status().json()
        assert told["parent"]["snapshot"] == after["snapshot"]
        assert hash_of(server, name) != before[name]
        alone = born(parent_in(server, ref))
        read(alone, f"{name} is told {OWN}")
        rebase(alone, parent_in(server, after))
        assert weights_of(server, name) == alone.checkpoint().weights_sha256()
    assert server.client.delete(f"/v1/nets/up/snapshots/{ref['snapshot']}").status_code == 204


def test_a_job_goes_on_after_an_orderly_stop(new_server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """All nets are closed when the job gets to the second child, but for its own, which has something to send."""
    go, stop = Family.rebase, Hooks.stop

    async def go_late(self: Family[Edge], name: str, net: str, snapshot: str) -> None:
        while name == "two" and not self.is_closed():
            await asyncio.sleep(0.01)
        await go(self, name, net, snapshot)

    async def stop_late(self: Hooks) -> None:
        await asyncio.sleep(0.2)
        await stop(self)

    monkeypatch.setattr(Family, "rebase", go_late)
    monkeypatch.setattr(Hooks, "stop", stop_late)
    server = new_server(variant="fast", max_lines=2**14).start()
    server.run(text=KNOWN)
    create_children(server, {"net": "default", "snapshot": server.snapshot()["id"]}, "one", "two")
    asked = server.client.post("/v1/jobs/rebase-children", json={"snapshot": server.snapshot()["id"]})
    job = asked.raise_for_status().headers["location"]
    until(lambda: server.client.get(job).json()["metrics"].get("done") == 1)
    server.terminate()
    monkeypatch.undo()
    server.start()
    with server.client.stream("GET", f"{job}/events") as events:
        "".join(events.iter_lines())
    assert server.client.get(job).json()["result"] == {"children": 2, "rebased": 2, "failed": {}}
