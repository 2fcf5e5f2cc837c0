"""Nodes of a real Ray that are killed and frozen: every input that was acknowledged is learnt once."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray")


@pytest.mark.long
@pytest.mark.timeout(400)
def test_what_was_acknowledged_is_learnt_once_whatever_happens_to_nodes() -> None:
    given = ["--nets", "12", "--kills", "2", "--freezes", "1", "--pause", "0.5"]
    command = [sys.executable, "-m", "benchmarks.cluster"]
    run = subprocess.run([*command, *given], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "12 of 12 nets have learnt each of them once, as in the library" in run.stdout
