"""The recorded stores, where they are kept, and what is asked of a server that has opened one."""

import json
import tarfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import binding
from websockets.sync.client import ClientConnection, connect

from tests.running_server import RunningServer

HERE = Path(__file__).parent
STORES = HERE / "stores.tar.xz"
EXPECTED = HERE / "expected.json"

# Hashes are those of any x86-64 processor with fused multiply-add: without it the kernels round once more.
HAS_RECORDED_ARITHMETIC = bool(binding.get_host_cpu_features().get("fma"))

Steps = list[dict[str, Any]]

_JOB_SECONDS = 60.0
_DIGITS = 6  # of scores: logarithms of other libraries may differ in the last one
_OF_THE_SERVER = (
    "queue_capacity",
    "listeners",
    "memory_bytes",
    "ticks_per_second",
    "tick_hz",
    "self_loop",
    "device",
    "kernel",
)
_NEWER = ("lines", "max_lines", "contexts")  # than what was recorded
_UNSTEADY = ("mode", "queue_depth", *_OF_THE_SERVER, *_NEWER)


def without_avx512() -> dict[str, str]:
    """Return the environment in which NumPy's log2, and so a score, has the same bits on every such processor."""
    simd: Any = np.show_config(mode="dicts")
    found = simd["SIMD Extensions"].get("found", [])
    wide = [name for name in found if name.startswith("AVX512") or name == "X86_V4"]
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(wide)} if wide else {}


def expected() -> dict[str, Any]:
    """Return by the name of a store what was observed of its server."""
    found: dict[str, Any] = json.loads(EXPECTED.read_text(encoding="utf-8"))
    return found


def unpack(directory: Path) -> None:
    """Write each recorded store into a folder of its name."""
    with tarfile.open(STORES) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)  # Python 3.11.4
        archive.extractall(directory)


def observed(server: RunningServer, clients: Iterable[str]) -> dict[str, Any]:
    """Return what a store must bring back, once its jobs have ended."""
    ended = jobs(server)
    return (
        {
            "net": steady_net(server),
            "clients": {name: last_seq(server, name) for name in clients},
            "jobs": ended,
            "snapshots": [
                {name: each[name] for name in ("id", "tick", "sha256", "job")}
                for each in server.client.get("/v1/snapshots").json()["data"]
            ],
        }
        | sessions(server)
        | streams(server)
    )


def sessions(server: RunningServer) -> dict[str, Any]:
    """Return the sessions; nothing if there is none."""
    found = server.client.get("/v1/sessions").json()["data"]
    return {"sessions": found} if found else {}


def streams(server: RunningServer) -> dict[str, Any]:
    """Return the streams with what was told of their last rows, and all events; nothing if there is no stream."""
    found = server.client.get("/v1/streams").json()["data"]
    if not found:
        return {}
    told = {
        each["name"]: server.client.get("/v1/rows", params={"stream": each["name"]}).json()["data"] for each in found
    }
    events = server.client.get("/v1/events?limit=1000").json()["data"]
    return {
        "streams": [{name: each[name] for name in ("name", "kind", "rows", "alarms", "options")} for each in found],
        "rows": {name: [[each["row"], round(each["score"], _DIGITS)] for each in rows] for name, rows in told.items()},
        "events": [[each[name] for name in ("id", "stream", "number", "state", "row", "muted")] for each in events],
    }


def steady_net(server: RunningServer) -> dict[str, Any]:
    """Return what `GET /v1/net` says of the net itself, with its hashes."""
    return {name: value for name, value in server.net(hash="true").items() if name not in _UNSTEADY}


def jobs(server: RunningServer) -> list[dict[str, Any]]:
    """Wait until no job is left to be run, and return how each has ended."""
    deadline = time.monotonic() + _JOB_SECONDS
    while True:
        found = server.client.get("/v1/jobs").json()["data"]
        if all(job["finished_at"] is not None for job in found):
            return [{name: job[name] for name in ("id", "kind", "status", "progress", "result")} for job in found]
        assert time.monotonic() < deadline, found
        time.sleep(0.01)


def live_on(server: RunningServer, steps: Steps) -> None:
    """Ask for each step: a `change`, a `sleep`, `rows` of a stream, which may have a `key`, or an `input`, which may
    have that, or a `client` and `seq`.

    `times` is how often the text of an input is said.
    """
    for step in steps:
        if "change" in step:
            assert server.client.patch("/v1/net", json=step["change"]).status_code == 200
        elif "sleep" in step:
            assert server.client.post("/v1/jobs/sleep", json=step["sleep"]).status_code == 202
            jobs(server)
        elif "rows" in step:
            headers = {"Idempotency-Key": step["key"]} if "key" in step else {}
            assert server.client.post("/v1/observe", json=step["rows"], headers=headers).status_code == 200
        elif "client" in step:
            with stream(server, step["client"]) as connection:
                json.loads(connection.recv())
                tell(connection, step["seq"], **step["input"])
                hear_ack(connection, step["seq"])
        else:
            assert send(server, step, wait=True)["accepted"] == ticks(step)


def send(server: RunningServer, step: dict[str, Any], wait: bool) -> dict[str, Any]:
    """Send an input over REST, and return the answer."""
    content = step["input"]
    if "times" in step:
        content = {**content, "text": content["text"] * step["times"]}
    headers = {"Idempotency-Key": step["key"]} if "key" in step else {}
    response = server.client.post("/v1/inputs", params={"wait": wait}, json=content, headers=headers)
    assert response.is_success, response.text
    answer: dict[str, Any] = response.json()
    return answer


def ticks(step: dict[str, Any]) -> int:
    """Count the tokens or frames of an input."""
    content = step["input"]
    told = next(content[name] for name in ("text", "tokens", "frames") if name in content)
    return len(told) * int(step.get("times", 1))


def last_seq(server: RunningServer, client: str) -> int:
    """Return the `seq` after which this client is told to go on."""
    with stream(server, client) as connection:
        return int(json.loads(connection.recv())["last_seq"])


def stream(server: RunningServer, client: str) -> ClientConnection:
    """Connect as this client; the server's first message is its `hello`."""
    return connect(f"ws{server.url.removeprefix('http')}/v1/stream?client_id={client}", compression=None)


def tell(connection: ClientConnection, seq: int, **content: Any) -> None:
    """Send an input."""
    connection.send(json.dumps({"type": "input", "seq": seq, **content}))


def hear_ack(connection: ClientConnection, seq: int) -> None:
    """Read until the input with this `seq` is acknowledged."""
    while True:
        message = json.loads(connection.recv(timeout=30.0))
        assert message["type"] != "error", message
        if message["type"] == "ack" and message["seq"] >= seq:
            return
