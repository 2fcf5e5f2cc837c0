"""A parent as a file: what is read where it lies is the parent, for its children and for the compiled kernels."""

from typing import Any

import numba
import numpy as np
import pytest

from realnet import DendriteLearner
from realnet.core.dendrite_memory import Episodes, Memory
from realnet.dendrites.family import child_of, freeze
from realnet.dendrites.parent import Parent
from realnet.dendrites.parent_file import parent_bytes, parent_in
from realnet.dendrites.wiring import Variant
from realnet.vocabulary import Symbols, TokenizerFile, Vocabulary
from tests.realnet.vocabularies import bytes_and_words

type_of: Any = numba.typeof  # without types
TOKENS = np.arange(400) ** 2 % 97


def parent_of(variant: Variant = "fast", vocabulary: Vocabulary | None = None) -> Parent:
    learner = DendriteLearner.create(variant, max_lines=2**13, vocabulary=vocabulary)
    learner.run(TOKENS, outputs="none")
    return freeze(learner)


def lived(parent: Parent) -> str:
    """Return the hash of all that a child is that has lived."""
    child = child_of(parent, 2**12)
    child.run(TOKENS[::-1])
    return child.checkpoint().state_sha256()


@pytest.mark.parametrize(
    ("variant", "vocabulary"),
    [
        ("fast", None),
        pytest.param("standard", None, marks=pytest.mark.long),
        pytest.param("large", None, marks=pytest.mark.long),
        ("fast", Symbols(300)),
        ("fast", TokenizerFile(bytes_and_words())),
    ],
)
def test_what_is_read_is_what_was_written(variant: Variant, vocabulary: Vocabulary | None) -> None:
    parent = parent_of(variant, vocabulary)
    found = parent_in(memoryview(parent_bytes(parent)))
    assert (found.sha256, found.tick, found.max_lines) == (parent.sha256, parent.tick, parent.max_lines)
    assert (found.vocabulary.name, found.nbytes) == (parent.vocabulary.name, parent.nbytes)
    assert found.net().tick == parent.net().tick
    assert lived(found) == lived(parent)
    again = freeze(DendriteLearner(found.net(), found.vocabulary, found.leaves))
    assert all(np.array_equal(each, parent.arrays[name]) for name, each in again.arrays.items())


def test_no_kernel_is_compiled_anew_for_it() -> None:
    """A type of array that is another in anything, as in its alignment, would take half a minute."""
    parent = parent_of("standard")
    found = parent_in(memoryview(parent_bytes(parent)))
    for name in (*Memory._fields, *Episodes._fields):
        mine, other = parent.arrays[name], found.arrays[name]
        assert type_of(mine) == type_of(other)
        assert type_of(mine.reshape(-1)) == type_of(other.reshape(-1))


def test_it_is_a_part_of_the_file_and_not_written() -> None:
    data = bytearray(parent_bytes(parent_of()))
    found = parent_in(memoryview(data))
    for name, each in found.arrays.items():
        if each.size:
            assert np.shares_memory(each, np.frombuffer(data, np.uint8)), name
    for each in (*found.memory, *found.episodes):
        with pytest.raises(ValueError, match="read-only"):
            each[...] = 0


def test_what_is_none_is_refused() -> None:
    parent = parent_of()
    data = parent_bytes(parent)
    checkpoint = DendriteLearner(parent.net(), parent.vocabulary).checkpoint().to_bytes()
    for wrong in (b"", b"\0" * 100, data[:50], data[:-1], checkpoint, data.replace(b'"mix"', b'"mux"', 1)):
        with pytest.raises(ValueError, match="not the file of a parent"):
            parent_in(memoryview(wrong))
    assert parent_in(memoryview(data)).sha256 == parent.sha256
