"""The examples of docs/openai.md run as they are printed, and a new net gives the answer that it was taught."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.running_server import ThreadServer

PAGE = Path(__file__).parents[3] / "docs" / "openai.md"


def test_the_examples_run(new_server: Callable[..., ThreadServer], capsys: pytest.CaptureFixture[str]) -> None:
    server = new_server().start()
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        code = block.replace("http://127.0.0.1:8420", server.url)
        assert code != block
        exec(code, {})
    said = capsys.readouterr().out
    assert said.count("a net that lives") == 3
    assert " do you do?\nassi" in said
