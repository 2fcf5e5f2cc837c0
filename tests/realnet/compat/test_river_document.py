"""The examples of the estimators of River: of their docstrings, and of their page."""

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("river")

PAGE = Path(__file__).parents[3] / "docs/river.md"


@pytest.mark.parametrize("name", ["classifier", "values", "lines"])
def test_docstrings_are_true(name: str) -> None:
    failed, tried = doctest.testmod(import_module(f"realnet.compat.river.{name}"))
    assert tried
    assert not failed


def test_the_page_s_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(block, {})
    accuracy, row = capsys.readouterr().out.splitlines()
    assert accuracy.startswith("Accuracy: 9")
    assert row == "0.0 False"
