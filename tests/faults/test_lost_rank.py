"""A server over two ranks, as torchrun starts it: one of them is killed, and nothing is lost."""

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from realnet import Checkpoint, LiveNet
from tests.free_port import free_port
from tests.running_server import ALONE, ProcessServer

pytestmark = pytest.mark.timeout(300)  # five processes import PyTorch

INPUTS, OUTPUTS, NEURONS = 12, 4, 60
FRAMES = np.random.default_rng(0).random((6, INPUTS)).round(3)
TEACHERS = np.random.default_rng(1).random((6, OUTPUTS)).round(3)


class RankedServer(ProcessServer):
    command = (
        *(sys.executable, "-m", "torch.distributed.run", "--master-port", str(free_port() + 7)),  # no other test's
        *("--nproc-per-node", "2", "--max-restarts", "1", "--no-python", *ALONE),
    )

    def __init__(self, directory: Path, **settings: object) -> None:
        super().__init__(directory, **settings)
        self._environment["CUDA_VISIBLE_DEVICES"] = ""  # two ranks do not share a GPU

    def processes(self, rank: int) -> list[int]:
        """Return the processes that have been this rank, one for each start."""
        return list(map(int, re.findall(rf"rank {rank} of 2, on cpu, is process (\d+)", self.log)))

    def close(self) -> None:
        if self.process is not None:
            self.terminate()  # a kill would leave the ranks behind
        self.client.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RankedServer]:
    net = {"device": "sharded", "preset": "literal", "inputs": INPUTS, "outputs": OUTPUTS, "neurons": NEURONS}
    server = RankedServer(tmp_path, journal="always", **net)
    yield server
    server.close()


def asked(server: RankedServer, t: int) -> httpx.Response:
    """Teach the net one frame, once however often it is asked."""
    body: dict[str, Any] = {"frames": [FRAMES[t].tolist()], "teachers": [TEACHERS[t].tolist()]}
    return server.client.post("/v1/inputs", params={"wait": "true"}, json=body, headers={"Idempotency-Key": str(t)})


@pytest.mark.long
def test_one_is_killed(server: RankedServer) -> None:
    server.start()
    assert server.net()["kernel"] == "sharded"
    for t in range(4):
        assert asked(server, t).status_code == 200
    os.kill(server.processes(1)[0], signal.SIGKILL)
    try:
        refused = asked(server, 4)
        assert refused.status_code == 503
        assert refused.json()["type"] in ("/problems/engine-stopped", "/problems/not-ready")
    except httpx.TransportError:  # it had ended already
        pass

    deadline = time.monotonic() + 60.0
    while not (len(server.processes(0)) == 2 and server.is_ready()):
        assert time.monotonic() < deadline, server.log
        time.sleep(0.02)
    for t in (4, 5):
        assert asked(server, t).status_code == 200
    alone = LiveNet(NEURONS, range(INPUTS), range(NEURONS - OUTPUTS, NEURONS), "literal")
    alone.run(FRAMES, TEACHERS)
    data = server.client.get(f"/v1/snapshots/{server.snapshot()['id']}/data").content
    assert np.abs(LiveNet.from_checkpoint(Checkpoint.from_bytes(data)).weights() - alone.weights()).max() < 1e-5
    assert server.net()["tick"] == 6
    server.run(frames=[[0.5] * INPUTS])
    server.terminate()
    assert "snapshot 00000002 at tick 7" in server.log  # for the last one, the other rank was there until the end
    assert "Traceback" not in server.log.split("death signal")[0]  # torchrun has one of its own when it is stopped
