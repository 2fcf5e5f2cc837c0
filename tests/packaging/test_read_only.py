"""A package that may not be written to, for a user without a home: a service of the system, `docker run --user`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = "from realnet import LiveNet; print(len(LiveNet(9, range(3), range(6, 9), 'literal').run([[1, 0, 0]] * 3)))"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder with a copy of the library, where nobody, not even root, can make a `__pycache__`."""
    shutil.copytree(ROOT / "realnet", tmp_path / "realnet", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in {path.parent for path in tmp_path.rglob("*.py")}:
        (folder / "__pycache__").touch()
    return tmp_path


@pytest.mark.long
def test_a_net_lives_and_says_once_that_its_kernels_cannot_be_kept(library: Path) -> None:
    environment = {"HOME": os.devnull, "PYTHONPATH": os.pathsep.join([str(library), *sys.path])}
    environment["NUMBA_OPT"] = "0"  # half of the time
    lived = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM], cwd="/", env=environment, capture_output=True, text=True
    )
    assert lived.stdout == "3\n", lived.stderr
    assert lived.stderr.count("compiled kernels cannot be kept") == 1
    assert "NUMBA_CACHE_DIR" in lived.stderr
