"""Triton's compiler takes the kernels and makes machine code for a GPU of them; no GPU is needed for that."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.long, pytest.mark.skipif(find_spec("triton") is None, reason="no Triton")]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the compilation of all kernels tells, in one process: half of one's time goes before the first."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    run = subprocess.run(
        [sys.executable, Path(__file__).with_name("compile_for_a_gpu.py")],
        env=environment | {"TRITON_CACHE_DIR": str(tmp_path_factory.mktemp("triton"))},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_every_kernel_becomes_code_that_waits_wherever_it_must(told: str) -> None:
    """No atomics; and of those that must not, nothing rounded once that is written as two."""
    assert [found(line) for line in told.splitlines() if line.startswith("{")] == [
        ("learn_and_collect", 0, {"i64"}),  # places in a matrix of more than 2^31
        ("learn_and_collect", 0, {"i64"}),
        ("learn_and_collect", 0, {"i64"}),
        ("settle", 0, {"i32"}),
        ("settle", 0, {"i32"}),
        ("speak", 0, set()),
        ("live_", 12, {"i64"}),
        ("measure_nets_", 1, {"i64"}),
        ("clamp_", 2, {"i64"}),
    ]


def found(line: str) -> tuple[str, int, set[str]]:
    """Return a kernel, its barriers, and how wide places in its matrices are."""
    told: dict[str, Any] = json.loads(line)
    assert told["has code"]
    assert not told["atomics"]
    assert not told["rounds once"] or told["kernel"] in ("learn_and_collect", "settle")
    return told["kernel"], told["barriers"], set(told["places"])


def test_no_registers_are_spilled(told: str) -> None:
    assert re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill", told) == [("0", "0")] * 9
