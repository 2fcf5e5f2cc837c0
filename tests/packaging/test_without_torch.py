"""What a plain installation, which has no PyTorch, says of what needs it: one line with what to do."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs.client import upload
from tests.running_server import ALONE, ProcessServer

NAMES = ["RealNet", "RealNetClassifier", "RealNetTrainer", "SparseRealNet", "SynapticPruner"]
IMPORTS = """
import sys
for name in sys.argv[1:]:
    try:
        exec(f"from realnet import {name}")
    except ModuleNotFoundError as error:
        print(error)
"""
WHAT_TO_DO = "PyTorch, which is not installed here: pip install 'realnet-live[torch]'"


@pytest.fixture(autouse=True)
def no_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every Python that is started from here."""
    directory = tmp_path / "site"
    directory.mkdir()
    (directory / "sitecustomize.py").write_text("import sys; sys.modules['torch'] = None")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(directory), *sys.path]))


def last_line(*arguments: str) -> str:
    ended = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0
    return (ended.stdout + ended.stderr).splitlines()[-1]


def test_the_library() -> None:
    told = subprocess.run([sys.executable, "-c", IMPORTS, *NAMES], capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == [f"realnet.{name} needs {WHAT_TO_DO}" for name in NAMES]


def test_a_net_on_another_device() -> None:
    program = "from realnet import TokenLearner; TokenLearner.create(device='cuda')"
    assert last_line("-c", program) == f"ValueError: device 'cuda' needs {WHAT_TO_DO}"


@pytest.mark.long
def test_what_the_machine_carries() -> None:
    arguments = ("-m", "service.cli.main", "bench", "--preset", "surprise", "--neurons", "32")
    table = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True).stdout
    assert "surprise" in table


def test_a_fit_is_refused_at_the_door(new_process: Callable[..., ProcessServer]) -> None:
    server = new_process(neurons=1100)
    server.command = ALONE
    server.start()
    server.run(text="it lives without")
    dataset = upload(server, "text.txt", "and would be fitted with " * 40)
    refused = server.client.post("/v1/jobs/fit", json={"dataset": dataset})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/conflict")
    assert refused.json()["detail"] == (
        "fits need PyTorch, which is not installed here: "
        "use the image built with DEVICE=cuda or pip install 'realnet-live[torch]'"
    )
    assert server.client.get("/v1/jobs").json()["data"] == []
