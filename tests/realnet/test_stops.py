"""A text ends before the stop that is complete first, however it is cut into pieces."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realnet.stops import Stops


def cut(pieces: list[str], stops: list[str]) -> tuple[str, bool]:
    cutting = Stops(stops)
    text = "".join(cutting.add(piece) for piece in pieces)
    return text + cutting.rest(), cutting.is_over


@pytest.mark.parametrize(
    ("pieces", "stops", "left"),
    [
        (["one\n", "two"], ["\n"], "one"),
        (["aa", "ab"], ["aab"], "a"),
        (["ab", "cd"], ["b", "abc"], "a"),
        (["abcd"], ["b", "abc"], "a"),  # b is complete first
        (["xab"], ["b", "ab"], "x"),
        (["en", "d of", " it"], ["end."], "end of it"),
        (["", "a"], [], "a"),
    ],
)
def test_a_text_is_cut(pieces: list[str], stops: list[str], left: str) -> None:
    assert cut(pieces, stops)[0] == left


@given(st.text("ab\n", max_size=12), st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=4), st.data())
def test_where_a_text_is_cut_does_not_depend_on_its_pieces(text: str, stops: list[str], data: st.DataObject) -> None:
    ends = [(match.start() + len(stop), match.start()) for stop in stops for match in re.finditer(f"(?={stop})", text)]
    expected = text[: min(ends)[1]] if ends else text
    borders = sorted(data.draw(st.sets(st.integers(0, len(text)))) | {0, len(text)})
    pieces = [text[start:end] for start, end in pairwise(borders)] or [text]
    assert cut(pieces, stops) == (expected, bool(ends))


def test_only_what_may_begin_a_stop_is_held_back() -> None:
    stops = Stops(["\nuser:"])
    assert [stops.add(piece) for piece in ("yes", "\nus", "age", "\n", "user", ": no")] == [
        "yes",
        "",
        "\nusage",
        "",
        "",
        "",
    ]
    assert stops.is_over
    assert stops.rest() == ""
