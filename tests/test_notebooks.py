"""The notebooks in `examples/` run from their first cell to the last, each in a kernel of its own."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def outputs_of(name: str) -> tuple[str, list[str]]:
    """Run a notebook; return all that it printed, and the kinds of what it showed."""
    notebook = read(ROOT / "examples" / f"{name}.ipynb")
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(ROOT)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    return printed, [kind for output in outputs for kind in output.get("data", ())]


def figures(pattern: str, text: str) -> list[float]:
    return [float(figure) for figure in re.findall(pattern, text)]


@every_notebook
def test_it_is_kept_without_outputs(path: Path) -> None:
    for cell in read(path).cells:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


@pytest.mark.long
def test_a_live_net_in_ten_minutes() -> None:
    printed, shown = outputs_of("live_net")
    bits = figures(r"tokens: ([\d.]+) bits a token", printed)
    assert len(bits) == 5
    assert bits[0] > 1.5 > min(bits)
    mine, bzip2, xz = figures(r"(?:this net|bzip2|xz) ([\d.]+)", printed)
    assert mine < 0.85 * min(bzip2, xz)
    first, second = figures(r"(?:first|then) ([\d.]+)", printed)
    assert second < first / 2
    assert "True" in printed.splitlines()  # what was loaded goes on exactly
    assert (shown.count("text/html"), shown.count("image/png")) == (3, 1)


@pytest.mark.long
def test_backpropagation() -> None:
    printed, shown = outputs_of("backpropagation")
    one, two, three, _ = figures(r"\d steps: ([\d.]+)% right", printed)
    assert one < 20 < 90 < two <= three
    half, nine_tenths = figures(r"dead: ([\d.]+)% right", printed)
    assert half > 95
    assert nine_tenths > 90
    assert shown.count("image/png") == 1
