"""`realnet bench`, without a server, on nets that are tiny."""

import json
from typing import Any

import pytest

from service.speed import machine
from tests.cli.commands import complaint, shown


def rows(*arguments: str) -> list[dict[str, Any]]:
    return list(json.loads(shown("bench", "--json", *arguments)))


def test_a_row_says_which_net_ticks_how_fast_on_what() -> None:
    [first, second] = rows("--preset", "manifesto", "--preset", "surprise", "--neurons", "32")
    assert {name: first[name] for name in ("preset", "net", "device", "threads", "bandwidth", "share")} == {
        "preset": "surprise",
        "net": 32,
        "device": "cpu",
        "threads": 1,
        "bandwidth": None,
        "share": None,
    }
    assert second["preset"] == "manifesto"
    assert first["ticks_per_second"] > 100


def test_of_a_dense_net_it_says_how_much_of_the_bandwidth_it_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 1)  # the kernel for two threads is compiled in every process
    [row] = rows("--preset", "literal", "--neurons", "48")
    assert row["share"] == pytest.approx(row["ticks_per_second"] * 2 * 4 * 48**2 / row["bandwidth"])
    table = shown("bench", "--preset", "literal", "--neurons", "48")
    assert "of in-place" in table
    assert "% of" in table


def test_what_cannot_be_measured_is_told_before_anything_is() -> None:
    assert "teapot is none of dendrites, surprise" in complaint("bench", "--preset", "teapot", status=2)
    assert "8 is fewer than 16" in complaint("bench", "--neurons", "8", status=2)
    assert "10000000 take" in complaint("bench", "--neurons", "32", "--neurons", "10000000", status=2)
