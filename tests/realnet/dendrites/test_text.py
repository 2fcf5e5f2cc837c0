"""Each context of a text is what it is called: two places have the same name where, and only where, they are alike."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realnet.core.dendrite_memory import Episodes
from realnet.dendrites.encoder import Encoder
from realnet.dendrites.reader import Reader
from realnet.dendrites.text import CONTEXTS
from realnet.dendrites.wiring import Recall, Wiring

LETTER = rb"[A-Za-z\x80-\xff]"
texts = st.text("aB z\t\n_1.(9", max_size=120).map(str.encode) | st.binary(max_size=60)


def last(count: int) -> Callable[[bytes], Any]:
    return lambda before: [before[-k : len(before) - k + 1] for k in range(1, count + 1)]


def folded(word: bytes) -> bytes:
    return re.sub(rb"[A-Z]", lambda found: found[0].lower(), word)


def word(before: bytes) -> bytes:
    return folded(re.findall(rb"%s*" % LETTER, before)[-2] if re.search(LETTER + rb"\Z", before) else b"")


def words(before: bytes) -> Any:
    found = [folded(each) for each in re.findall(LETTER + rb"+", before)]
    here = word(before)
    return here, (found[:-1] if here else found)[-1:]


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
    blank, first = re.match(rb"([ \t]*)([A-Za-z\x80-\xff0-9_]*)", lines(before)[0]).groups()  # type: ignore[union-attr]
    return len(blank), first, word(before)


def runs(before: bytes) -> list[tuple[bytes, int]]:
    """Runs of letters, of digits, and each other sign by itself; and how many signs each has."""
    found = re.findall(rb"(%s+)|([0-9]+)|(.)" % LETTER, before, re.DOTALL)
    return [(b"a" if a else b"0" if b else c, len(a or b or c)) for a, b, c in found]


def places(before: bytes) -> Any:
    if not (found := runs(before)):
        return None
    kind, length = found[-1]
    return [each for each, _ in found[-4:]], min(length, 2) if kind == b"a" else length


DEFINITIONS: dict[str, Callable[[bytes], Any]] = {
    **{f"order {k}": last(k) for k in range(9)},
    "word": word,
    "words": words,
    "skip": lambda before: [before[-k : len(before) - k + 1] for k in (2, 3)],
    "column": above,
    "line": lambda before: masked(lines(before)[0]),
    "lines": lambda before: (masked(lines(before)[0]), masked(lines(before)[1]), b"\n" in before),
    "indent": indent,
    "shape, expected": lambda before: [each for each, _ in runs(before)[-8:]],
    "shape, place": places,
}


def test_every_context_is_defined_here() -> None:
    assert DEFINITIONS.keys() == CONTEXTS.keys()


@pytest.mark.parametrize("name", DEFINITIONS)
@settings(max_examples=60, deadline=None)
@given(text=texts)
def test_a_context_is_what_it_is_called(name: str, text: bytes) -> None:
    wiring = Wiring((name,), (Recall(64, forgiving=False),), (("node",),), ("last",))
    tokens = np.frombuffer(text, np.uint8).astype(np.int32)
    stimuli = Encoder(wiring).encode(tokens, Reader.blank(1), Episodes.blank(1, 256), True, and_next=True)
    by_name: dict[int, Any] = {}
    defined: dict[str, int] = {}
    for t, context in enumerate(stimuli.contexts[:, 0].tolist()):
        key = repr(DEFINITIONS[name](text[:t]))
        assert by_name.setdefault(context, key) == key
        assert defined.setdefault(key, context) == context


@settings(max_examples=60, deadline=None)
@given(text=st.text("ab", min_size=1, max_size=80).map(str.encode), least=st.integers(2, 6))
def test_a_recall_expects_what_followed_the_same_tokens(text: bytes, least: int) -> None:
    wiring = Wiring(("order 0",), (Recall(least, forgiving=False),), (("node",),), ("last",))
    tokens = np.frombuffer(text, np.uint8).astype(np.int32)
    stimuli = Encoder(wiring).encode(tokens, Reader.blank(1), Episodes.blank(1, 256), True, and_next=True)
    for t, expected in enumerate(stimuli.expected[:, 0].tolist()):
        same = text[max(0, t - least) : t]
        known = t >= least and same in text[: t - 1]
        assert (expected >= 0) == known
        if known:
            assert same + bytes([expected]) in text[:t]
