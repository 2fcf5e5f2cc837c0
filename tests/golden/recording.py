"""A server that is recorded: what its clients ask of it, and what befalls it."""

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from service.journal.records import Record, WeightUpdateRecord
from service.journal.scan import read_from
from service.store import open_log
from tests.golden.golden import Steps, jobs, live_on, send, ticks
from tests.running_server import ProcessServer

HALF_TICKS = 4000  # long enough to be paused in the middle
_SECONDS = 300.0  # a fit stands back behind all else that runs here


class Recording:
    """A server that is recorded, and what its clients may ask again. Its store is in `directory`/data."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        self.server = ProcessServer(directory)
        self.clients: dict[str, int] = {}  # each one's last seq
        self.told: dict[str, dict[str, Any]] = {}  # and what it told with it
        self.repeats: Steps = []
        self._unsaved: dict[Path, bytes] = {}

    def start(self, **settings: object) -> ProcessServer:
        """Start the server with these settings; later starts are with them, too."""
        self.server.close()
        self.server = ProcessServer(self.directory, log_level="warning", **settings).start()
        return self.server

    def close(self) -> None:
        self.server.close()

    def change(self, **change: object) -> None:
        assert self.server.client.patch("/v1/net", json=change).status_code == 200

    def post(self, key: str, wait: bool = True, times: int = 1, **content: Any) -> None:
        """Send an input with an Idempotency-Key: whoever repeats it is to get the same answer."""
        step: dict[str, Any] = {"key": key, "input": content} | ({"times": times} if times > 1 else {})
        assert send(self.server, step, wait)["accepted"] == ticks(step)
        self.repeats.append(step)

    def observe(self, key: str | None = None, **rows: Any) -> None:
        """Send rows of a stream, perhaps with an Idempotency-Key."""
        step: dict[str, Any] = {"rows": rows} | ({} if key is None else {"key": key})
        live_on(self.server, [step])
        self.repeats.extend([step] if key else [])

    def tell(self, client: str, **content: Any) -> None:
        """Send an input as the client's next, and wait until it is acknowledged."""
        seq = self.clients[client] = self.clients.get(client, 0) + 1
        self.told[client] = content
        live_on(self.server, [{"client": client, "seq": seq, "input": content}])

    def half(self, key: str, text: str) -> None:
        """Pause the net in the middle of this text, said again and again."""
        for attempt in range(50):
            self.change(paused=True)
            before = self.server.net()["tick"]
            self.post(f"{key}-{attempt}", wait=False, times=HALF_TICKS // len(text), text=text)
            self.change(paused=False)
            self.change(paused=True)
            if 0 < self.server.net()["tick"] - before < HALF_TICKS:
                return
            self.change(paused=False)
            until(lambda: self.server.net()["queue_depth"] == 0)
        raise AssertionError("the server is too fast to be paused in the middle")

    def upload(self, name: str, content: str, **fields: str) -> str:
        answer = self.server.client.post("/v1/datasets", files={"file": (name, content.encode())}, data=fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def begin(self, kind: str, **request: Any) -> None:
        answer = self.server.client.post(f"/v1/jobs/{kind}", json=request)
        assert answer.status_code == 202, answer.text

    def ended(self) -> None:
        assert all(job["status"] == "succeeded" for job in jobs(self.server))

    def snapshots(self, of_jobs: bool) -> int:
        found = self.server.client.get("/v1/snapshots").json()["data"]
        return sum((each["job"] is not None) == of_jobs for each in found)

    def restore(self, snapshot: dict[str, Any]) -> None:
        assert self.server.client.post(f"/v1/snapshots/{snapshot['id']}/restore").status_code == 200

    def records(self) -> list[Record]:
        log = open_log(f"file://{self.directory}/data", "default/journal")
        return [record for _, record in read_from(log.read(), 0)]

    def count(self, kind: type) -> int:
        return sum(isinstance(record, kind) for record in self.records())

    def fill_disk(self, room: int) -> None:
        """Let no file grow larger than the journal is now, and `room` bytes more."""
        journal = max(path.stat().st_size for path in (self.directory / "data/default/journal").iterdir())
        resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE, (journal + room, resource.RLIM_INFINITY))

    def empty_disk(self) -> None:
        resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        until(self.server.is_ready)

    def adopt_unsaved(self, job_unsaved: bool = False) -> None:
        """Let the fit that waits for the end of the pause come home, with no room for the snapshot after it.

        With `job_unsaved` the kill finds the job as it is kept until that snapshot has been taken: running.
        """
        assert self.count(WeightUpdateRecord) == 0
        until(lambda: self.snapshots(of_jobs=True) == 1)
        kept = self.directory / "data/default/jobs/00000001"
        until(lambda: '"fitted"' in kept.read_text())
        if job_unsaved:
            self._unsaved[kept] = kept.read_bytes()
        self.fill_disk(room=4096)
        self.change(paused=False)
        self.ended()
        self.empty_disk()
        assert self.count(WeightUpdateRecord) == 1
        assert self.snapshots(of_jobs=False) == 1

    def idle(self, ticks: int) -> None:
        """Let so many ticks without input go by."""
        tick = self.server.net()["tick"]
        self.change(tick_hz=500)
        until(lambda: self.server.net()["tick"] > tick + ticks)
        self.change(tick_hz=0.001)

    def kill(self) -> None:
        """Leave nothing but what is in the store."""
        self.server.kill()
        for path, value in self._unsaved.items():
            path.write_bytes(value)


def place_of(recording: Recording, snapshot: int) -> list[int]:
    """Return the last whole record in a snapshot, the one half in it, and how many ticks of that are."""
    memory = recording.directory / f"data/default/snapshots/{snapshot:08d}/memory"
    return list(msgspec.msgpack.decode(memory.read_bytes())["place"])


def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
