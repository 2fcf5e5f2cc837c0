"""`make serve` on a machine that lacks something: one line with what to do, before anything is made."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ("raise ImportError", "this Python has no ensurepip: apt-get install python3-venv"),
        ("import sys; sys.version_info = (3, 10)", "Python 3.11 or newer is needed"),
    ],
)
def test_what_python_lacks_is_told_in_one_line(tmp_path: Path, lacking: str, said: str) -> None:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    hidden = "ensurepip" if "ImportError" in lacking else "sitecustomize"
    (tmp_path / f"{hidden}.py").write_text(lacking)
    kept = {name: value for name, value in os.environ.items() if "MAKE" not in name}  # these tests' own make adds lines
    environment = kept | {"PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(
        ["make", "serve", f"PYTHON={sys.executable}"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    line, *made = (ended.stdout + ended.stderr).splitlines()
    assert line.startswith(said)
    assert all(line.startswith("make") for line in made)  # that it stops
    assert not (tmp_path / ".venv").exists()
