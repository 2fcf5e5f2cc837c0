"""Uploads that are too large, too many, cut off or without room, on a real server: nothing is left of them."""

import io
import json
import re
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.datasets.test_datasets import FORM, added, errors, listed, stored, upload
from tests.redis_server import RedisServer
from tests.running_server import ProcessServer, RunningServer, ThreadServer

PATIENCE = 20.0


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """With little room, for a net of frames."""
    limits = {"max_dataset_bytes": 100_000, "max_body_bytes": 1000, "max_uploads": 1, "datasets_kept": 2}
    server = ThreadServer(tmp_path_factory.mktemp("strict"), inputs=3, outputs=2, **limits)
    yield server.start()
    server.close()


ROW = b'{"input": [1, 0, 0], "target": [0.5, 0.5]}\n'


def test_limits_of_size(strict: RunningServer) -> None:
    assert upload(strict, "a.jsonl", ROW * 100).status_code == 201  # more than max_body_bytes
    assert upload(strict, "a.jsonl", ROW * 3000).status_code == 413
    headers = {"content-type": "multipart/form-data; boundary=x"}
    pieces = iter([FORM[:-10].replace(b"a.txt", b"a.jsonl"), *[ROW * 10] * 300])
    chunked = strict.client.post("/v1/datasets", content=pieces, headers=headers)
    assert chunked.status_code == 413
    file = io.BytesIO()
    np.savez_compressed(file, inputs=np.zeros((1_000_000, 3)), targets=np.zeros((1_000_000, 2)))
    assert len(file.getvalue()) < 100_000
    (place,) = errors(upload(strict, "bomb.npz", file.getvalue()))
    assert place["pointer"] == "/file"
    assert "100,000 may be" in place["detail"]
    assert upload(strict, "b.jsonl", ROW).status_code == 201
    full = upload(strict, "c.jsonl", ROW * 2)
    assert (full.status_code, full.json()["type"]) == (409, "/problems/conflict")
    assert upload(strict, "d.jsonl", ROW).status_code == 200


HEAD = (
    b"POST /v1/datasets HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=x\r\n"
    b"content-length: %d\r\nexpect: 100-continue\r\n\r\n"
)


def begun(server: RunningServer, content: bytes, length: int) -> socket.socket:
    """An upload that has been let in, and sent as far as `content`."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
    connection.sendall(HEAD % length)
    assert connection.recv(4096).startswith(b"HTTP/1.1 100 ")
    connection.sendall(content)
    return connection


def test_uploads_at_once_and_a_client_that_leaves(strict: RunningServer) -> None:
    connection = begun(strict, FORM[:-20], 10_000)
    refused = upload(strict, "a.jsonl", ROW)
    assert (refused.status_code, refused.json()["type"]) == (429, "/problems/overloaded")
    assert refused.headers["retry-after"] == "1"
    connection.close()
    until(lambda: upload(strict, "a.jsonl", ROW).status_code != 429)
    assert '"level": "error"' not in strict.log


def test_an_upload_that_is_cut_off_leaves_nothing(new_process: Callable[..., ProcessServer], tmp_path: Path) -> None:
    server = new_process(neurons=1000, max_uploads=1).start()
    start = FORM[: FORM.index(b"a text")]
    with begun(server, start + b"a" * 100_000, 10**6):
        assert upload(server, "a.txt", b"a").status_code == 429
        assert stored(tmp_path) == []
        server.kill()
    server.start()
    assert stored(tmp_path) == []
    lines = json.dumps({"text": "a"}).encode() + b"\n"
    whole = start.replace(b"a.txt", b"a.jsonl") + lines * 500_000 + b"\r\n--x--\r\n"
    with begun(server, whole, len(whole)):  # seconds of work, and nobody to wait for it
        pass
    until(lambda: '"status": 400' in server.log)
    until(lambda: upload(server, "a.jsonl", b"{}").status_code == 422)
    assert listed(server) == []
    assert stored(tmp_path) == []
    assert '"level": "error"' not in server.log


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_a_full_disk(new_process: Callable[..., ProcessServer], tmp_path: Path) -> None:
    server = new_process(neurons=1000, journal="off", snapshot_every=0).start()
    content = b"a text " * 400_000
    for room in (2**20, 2**20 + 2**16):  # for less than the upload; then
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        refused = upload(server, "a.txt", content)
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/store-unavailable")
        assert listed(server) == []
        assert stored(tmp_path) == []
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert upload(server, "a.txt", content).status_code == 201


def test_redis_that_is_down(new_server: Callable[..., RunningServer], redis_server: RedisServer) -> None:
    server = new_server(neurons=1000, store=redis_server.url).start()
    dataset = added(server, "a.txt", b"a text " * 400_000)
    redis_server.kill()
    refused = upload(server, "b.txt", b"another text")
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/store-unavailable")
    redis_server.start()
    assert listed(server) == [dataset]
    assert upload(server, "b.txt", b"another text").status_code == 201


def peak(server: ProcessServer) -> int:
    """Bytes of memory, at most so far."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return 1024 * int(found[1])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_flat(new_process: Callable[..., ProcessServer], tmp_path: Path) -> None:
    """`python -m benchmarks.upload` has more, on both stores."""
    server = new_process(neurons=1000).start()
    added(server, "small.txt", b"a text " * 400_000)
    text = tmp_path / "large.txt"
    with text.open("wb") as file:
        for number in range(64):
            file.write(b"%07d " % number * 125_000)
    before = peak(server)
    with text.open("rb") as file:
        response = server.client.post("/v1/datasets", files={"file": file}, timeout=PATIENCE * 5)
    assert response.status_code == 201, response.text
    assert response.json()["tokens"] == 64_000_000
    assert peak(server) - before < 32 * 2**20
