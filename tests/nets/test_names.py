"""The names that a key is for are found among all, by the beginnings of its patterns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.auth.share import Share
from service.nets.names import Names

NAME = st.text("ab-", min_size=1, max_size=5).filter(lambda name: name[0] != "-")
PATTERN = st.text("ab-*", min_size=1, max_size=5).filter(lambda pattern: pattern[0] != "-")


@given(st.sets(NAME), st.lists(PATTERN, min_size=1, max_size=4), st.text("ab-", max_size=2), st.text("ab-", max_size=3))
def test_they_are_those_that_the_patterns_match(names: set[str], nets: list[str], prefix: str, after: str) -> None:
    share, all_of_them = Share(tuple(nets)), Names(names)
    matched = [name for name in sorted(names) if share.includes(name)]
    assert list(all_of_them.of(share)) == matched
    assert all_of_them.count(share) == len(matched)
    assert list(all_of_them.of(share, prefix, after)) == [
        name for name in matched if name.startswith(prefix) and name > after
    ]


def test_names_come_and_go() -> None:
    names = Names(["b", "a"])
    names.add("aa")
    names.discard("b")
    names.discard("never")
    assert list(names.of(Share())) == ["a", "aa"]
    assert "aa" in names
    assert "b" not in names
    assert len(names) == 2


@pytest.mark.parametrize(("nets", "beginnings"), [(("a*", "ab-*", "c"), ["a", "c"]), (("*", "a"), [""])])
def test_beginnings_are_those_that_are_in_no_other(nets: tuple[str, ...], beginnings: list[str]) -> None:
    assert Share(nets).beginnings == beginnings
