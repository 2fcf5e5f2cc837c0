"""Each context of a text is what it is called: two places have the same name where, and only where, they are alike."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from realnet.core.dendrite_memory import Episodes, Stimuli
from realnet.dendrites.encoder import Encoder
from realnet.dendrites.text import CONTEXTS
from realnet.dendrites.wiring import Recall, Wiring

LETTER, IDENTIFIER = rb"[A-Za-z\x80-\xff]", rb"[A-Za-z\x80-\xff0-9_]"
texts = st.text("aB z\t\n_1.(9", max_size=120).map(str.encode) | st.binary(max_size=60)


def last(count: int) -> Callable[[bytes], Any]:
    return lambda before: [before[-k : len(before) - k + 1] for k in range(1, count + 1)]


def folded(word: bytes) -> bytes:
    return re.sub(rb"[A-Z]", lambda found: found[0].lower(), word)


def word(before: bytes) -> bytes:
    return folded(re.findall(rb"%s*" % LETTER, before)[-2] if re.search(LETTER + rb"\Z", before) else b"")


def words_done(before: bytes) -> list[bytes]:
    found = [folded(each) for each in re.findall(LETTER + rb"+", before)]
    return found[:-1] if word(before) else found


def lines(before: bytes) -> tuple[bytes, bytes]:
    """This line so far, and the line above."""
    *_, above, here = [b"", *before.split(b"\n")]
    return here, above


def above(before: bytes) -> Any:
    here, line = lines(before)
    return min(len(here), 255), line[len(here) : len(here) + 1]


def masked(line: bytes) -> bytes:
    return re.sub(rb"[0-9]+", b"0", line)


def indent(before: bytes) -> Any:
    blank, first = re.match(rb"([ \t]*)(%s*)" % IDENTIFIER, lines(before)[0]).groups()  # type: ignore[union-attr]
    return len(blank), first, word(before)


def record(before: bytes) -> Any:
    """The length that most tokens which came at equal distances voted for, the place in it, and the token above."""
    length = votes = 0
    came: dict[int, list[int]] = {}
    for here, token in enumerate(before):
        came.setdefault(token, []).append(here)
        distance = here - came[token][-2] if len(came[token]) > 1 else 0
        if not 2 <= distance <= 255:
            continue
        equal = max(2, -(-8 // distance))  # so often at this distance
        if {b - a for a, b in pairwise(came[token][-equal - 1 :])} != {distance} or len(came[token]) <= equal:
            continue
        if distance == length:
            votes = min(votes + 1, 15)
        elif votes > 0:
            votes -= 1
        else:
            length, votes = distance, 1
    return (length, len(before) % length, before[-length]) if votes >= 4 else None


def runs(before: bytes) -> list[tuple[bytes, int]]:
    """Runs of letters, of digits, and each other sign by itself; and how many signs each has."""
    found = re.findall(rb"(%s+)|([0-9]+)|(.)" % LETTER, before, re.DOTALL)
    return [(b"a" if a else b"0" if b else c, len(a or b or c)) for a, b, c in found]


def places(before: bytes) -> Any:
    if not (found := runs(before)):
        return None
    kind, length = found[-1]
    return [each for each, _ in found[-4:]], min(length, 2) if kind == b"a" else length


def identifiers(before: bytes) -> list[bytes]:
    """The last two, and the one that has begun."""
    *done, here = re.findall(IDENTIFIER + rb"+", b"a b " + before + b"x")
    return [*done[-2:], here[:-1]]


def followed(before: bytes) -> Any:
    last = before[-1:]
    return last, bytes([0, 0, 0, *(there for here, there in pairwise(before) if [here] == [*last])])[-3:]


def marks(before: bytes) -> list[bytes]:
    return re.findall(rb"[^A-Za-z\x80-\xff0-9_ ]", before)[-3:]


def line_shape(before: bytes) -> list[bytes]:
    found = re.findall(rb"(%s+)|([0-9]+)|(.)\3*" % LETTER, lines(before)[0], re.DOTALL)
    return [b"a" if a else b"0" if b else c for a, b, c in found]


def kinds(before: bytes) -> list[bytes]:
    signs = [before[i : i + 1] for i in range(len(before))]
    return [re.sub(rb"[0-9]", b"0", re.sub(rb"[a-z\x80-\xff]", b"a", re.sub(rb"[A-Z]", b"A", each))) for each in signs]


def field(line: bytes) -> tuple[int, int]:
    """The number of the field that comes next, and how far into it."""
    begun = re.match(rb"[ \t]*(?:[^ \t]+[ \t]+)*", line).group()  # type: ignore[union-attr]
    return len(begun.split()), len(line) - len(begun)


def field_above(before: bytes) -> Any:
    here, line = lines(before)
    number, place = field(here)
    begun = re.match(rb"[ \t]*(?:[^ \t]+[ \t]+){%d}" % number, line)
    return number, line[begun.end() + place :][:1] if begun else b""


DEFINITIONS: dict[str, Callable[[bytes], Any]] = {
    **{f"order {k}": last(k) for k in range(9)},
    "word": word,
    "words": lambda before: (word(before), words_done(before)[-1:]),
    "skip": lambda before: [before[-k : len(before) - k + 1] for k in (2, 3)],
    "skip two": lambda before: (before[-3:][: len(before) > 2], before[-4:][: len(before) > 3]),
    "record": record,
    "column": above,
    "line": lambda before: masked(lines(before)[0]),
    "lines": lambda before: (masked(lines(before)[0]), masked(lines(before)[1]), b"\n" in before),
    "indent": indent,
    "shape, expected": lambda before: [each for each, _ in runs(before)[-8:]],
    "shape, place": places,
    "words apart": lambda before: (word(before), words_done(before)[-2:-1]),
    "shape": lambda before: [each for each, _ in runs(before)[-8:]],
    "identifiers": identifiers,
    "followed": followed,
    "marks": lambda before: (marks(before), before[-1:]),
    "marks, identifier": lambda before: (marks(before), identifiers(before)[-1]),
    "indent, last": lambda before: (indent(before)[0], before[-1:], indent(before)[0] == len(lines(before)[0])),
    "line shape": line_shape,
    "kinds": lambda before: kinds(before[-12:]),
    "last two, expected": last(2),
    "words, third": lambda before: (word(before), words_done(before)[-1:], words_done(before)[-3:-2]),
}


def test_every_context_is_defined_here() -> None:
    assert DEFINITIONS.keys() == CONTEXTS.keys()


@pytest.mark.parametrize("name", DEFINITIONS)
@settings(max_examples=60, deadline=None)
@given(text=texts)
@example(text=b"\xbc:\x81")
@example(text=b" a1\n  a0")
def test_a_context_is_what_it_is_called(name: str, text: bytes) -> None:
    wiring = Wiring((name,), (Recall(64, forgiving=False),), (("node",),), ("last",))
    names_are_of(DEFINITIONS[name], text, stimuli_of(wiring, text).contexts[:, 0].tolist())


@settings(max_examples=30, deadline=None)
@given(tables=st.lists(st.tuples(st.binary(min_size=1, max_size=9), st.integers(1, 25)), max_size=5))
@example(tables=[(bytes(range(256)), 3)])
@example(tables=[(bytes(range(255)), 3)])
def test_records_have_the_length_at_which_tokens_come_again(tables: list[tuple[bytes, int]]) -> None:
    wiring = Wiring(("record",), (Recall(64, forgiving=False),), (("node",),), ("last",))
    text = b"".join(row * rows for row, rows in tables)[-800:]
    names_are_of(record, text, stimuli_of(wiring, text).contexts[:, 0].tolist())


def stimuli_of(wiring: Wiring, text: bytes) -> Stimuli:
    encoder, tokens = Encoder(wiring), np.frombuffer(text, np.uint8).astype(np.int32)
    return encoder.encode(tokens, encoder.nothing_read(), Episodes.blank(1, 256), True, and_next=True)


def names_are_of(definition: Callable[[bytes], Any], text: bytes, names: list[int]) -> None:
    by_name: dict[int, str] = {}
    defined: dict[str, int] = {}
    for t, name in enumerate(names):
        key = repr(definition(text[:t]))
        assert by_name.setdefault(name, key) == key
        assert defined.setdefault(key, name) == name


@settings(max_examples=60, deadline=None)
@given(text=st.text("ab \t\n", max_size=80).map(str.encode))
def test_a_map_is_chosen_by_what_stands_above_in_the_field(text: bytes) -> None:
    wiring = Wiring(("order 0",), (Recall(64, forgiving=False),), (("node",),), ("field above",))
    names_are_of(field_above, text, stimuli_of(wiring, text).maps[:, 0].tolist())


@settings(max_examples=60, deadline=None)
@given(text=st.text("ab", min_size=1, max_size=80).map(str.encode), least=st.integers(2, 6))
def test_a_recall_expects_what_followed_the_same_tokens(text: bytes, least: int) -> None:
    wiring = Wiring(("order 0",), (Recall(least, forgiving=False),), (("node",),), ("last",))
    for t, expected in enumerate(stimuli_of(wiring, text).expected[:, 0].tolist()):
        same = text[max(0, t - least) : t]
        known = t >= least and same in text[: t - 1]
        assert (expected >= 0) == known
        if known:
            assert same + bytes([expected]) in text[:t]
