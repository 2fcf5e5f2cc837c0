"""The contexts of a text, or of any other tokens: what the dendrites of a net are asked by.

Before each token the encoder names the contexts that the token stands in, by a hash each, and the rows of gains and of
output maps. Contexts of tokens of any kind are the last 0, 1, 2 … of them. All others are of bytes of text.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel, exact_kernel, uncounted
from realnet.core.dendrite_memory import Episodes, Stimuli
from realnet.core.hashing import mixed
from realnet.dendrites.reader import (
    CAPITAL,
    CLASS,
    DIGIT,
    LINE,
    NEWLINE,
    P1,
    RECENT,
    SMALL,
    TAB,
    UNDERSCORE,
    Reader,
    back,
    pair,
    rolled,
)
from realnet.dendrites.recall import expected_, follow_, say_
from realnet.dendrites.records import name_record, read_record_
from realnet.dendrites.syntax import SYNTAX_CONTEXTS, above_in_field, name_context, read_syntax_

WORD, WORDS, SKIP, SKIP_TWO, COLUMN, MASKED, INDENT, RECORD = 100, 101, 102, 103, 104, 115, 117, 157
MASKED_LINES, EXPECTED_SHAPE, SHAPES, EXPECTED_TWO = 143, 152, 156, 158
LAST, CLASSES, EXPECTED, FIELD, LAST_BUT_ONE, IN_LINE, THREE_CLASSES = range(7)

CONTEXTS = {f"order {k}": k for k in range(9)} | {
    "word": WORD,  # the letters since the last other token, case folded
    "words": WORDS,  # and the word before
    "skip": SKIP,  # the tokens 2 and 3 back
    "skip two": SKIP_TWO,  # the tokens 3 and 4 back
    "column": COLUMN,  # the column, and the token above
    "line": MASKED,  # the line so far, each number as one digit
    "lines": MASKED_LINES,  # and the line above
    "indent": INDENT,  # the indentation, the identifier that the line begins with, and the word
    "shape, expected": EXPECTED_SHAPE,  # the last eight runs of letters, digits or marks, and what recall expects
    "shape, place": SHAPES,  # the last four such runs, and the place in the run
    "record": RECORD,  # the length of records, the place in one, and the token there in the one before
    "last two, expected": EXPECTED_TWO,  # the last two tokens, and what recall expects
    **SYNTAX_CONTEXTS,
}
GATES = {
    "last": LAST,
    "classes": CLASSES,
    "expected": EXPECTED,
    "field": FIELD,
    "last but one": LAST_BUT_ONE,
    "column": IN_LINE,
    "three classes": THREE_CLASSES,
}
LAST_MAP, LAST_TWO_MAP, EXPECTED_MAP, FIELD_MAP = range(1, 5)
MAPS = {
    "last": LAST_MAP,
    "last two": LAST_TWO_MAP,
    "expected": EXPECTED_MAP,
    "field above": FIELD_MAP,  # the number of the field, and the token above in it
}
PLAIN = {
    *(f"order {k}" for k in range(9)),
    "skip",
    "skip two",
    "last two, expected",
    "last",
    "last but one",
    "last two",
    "expected",
}  # of any tokens
_SALT = np.uint64(0x51ED270B123)


class Codes(NamedTuple):
    """What is told of each token, in numbers."""

    contexts: NDArray[np.int64]  # (K,)
    gates: NDArray[np.int64]  # (G,)
    maps: NDArray[np.int64]  # (A,)
    recalls: NDArray[np.int64]  # (R, 2) least tokens, and whether it is forgiving
    is_text: NDArray[np.bool_]  # (1,)


@exact_kernel
def encode_(
    tokens: NDArray[np.int32], codes: Codes, reader: Reader, episodes: Episodes, write: bool, stimuli: Stimuli
) -> None:
    """Write the stimuli of T tokens, each before it is read; then read it, and remember it if `write`.

    If the stimuli have a row more, it is written for the token to come.
    """
    codes, reader, episodes, stimuli = uncounted(codes), uncounted(reader), uncounted(episodes), uncounted(stimuli)
    for t in range(len(stimuli.contexts)):
        tell_(codes, reader, episodes, stimuli, t)
        if t < len(tokens):
            read_(np.int64(tokens[t]), codes, reader, episodes, write)


@exact_inlined_kernel
def tell_(codes: Codes, reader: Reader, episodes: Episodes, stimuli: Stimuli, t: int) -> None:
    """Write the stimuli of the token to come into row t."""
    _name_contexts_(codes.contexts, reader, episodes, stimuli, t)
    _name_rows_(codes.gates, codes.maps, reader, episodes, stimuli, t)
    say_(reader, episodes, codes.recalls, stimuli, t)


@exact_inlined_kernel
def read_(token: int, codes: Codes, reader: Reader, episodes: Episodes, write: bool) -> None:
    """Take a token into the mind, and remember it if `write`."""
    text = reader.text[0]
    reader.recent[text.seen & np.uint64(RECENT - 1)] = token
    text.seen += np.uint64(1)
    follow_(reader, episodes, codes.recalls, token, write)
    if codes.is_text[0]:
        _read_text_(reader, token)
        if len(reader.record) > 0:
            read_record_(reader, token)


@exact_inlined_kernel
def _name_contexts_(kinds: NDArray[np.int64], reader: Reader, episodes: Episodes, stimuli: Stimuli, t: int) -> None:
    text = reader.text[0]
    h, done = np.uint64(0), 0
    for q in range(len(kinds)):
        kind = kinds[q]
        if kind < WORD:
            if kind < done:  # of one that a grown net has taken on later
                h, done = np.uint64(0), 0
            while done < kind:  # each goes on from the one before
                done += 1
                h = (h + back(reader, done) + np.uint64(1)) * P1
                h ^= h >> np.uint64(31)
            context = h
        elif kind == WORD:
            context = text.word
        elif kind == WORDS:
            context = pair(text.word, text.word_1)
        elif kind == SKIP:
            context = pair(back(reader, 2), back(reader, 3))
        elif kind == SKIP_TWO:
            context = pair(back(reader, 3), back(reader, 4))
        elif kind == COLUMN:
            context = pair(min(text.column, np.uint64(LINE - 1)), _above(reader))
        elif kind == MASKED:
            context = text.masked
        elif kind == MASKED_LINES:
            context = pair(text.masked_above, text.masked)
        elif kind == INDENT:
            # Not the other way round: a small number before a hash would only add to it.
            context = pair(pair(text.first, text.indent), text.word)
        elif kind == EXPECTED_SHAPE:
            context = pair(text.runs, np.uint64(expected_(reader, episodes, 0) + 1))
        elif kind == SHAPES:
            context = pair(text.runs & np.uint64(0xFFFFFFFF), text.place)
        elif kind == EXPECTED_TWO:
            context = pair(pair(back(reader, 1), back(reader, 2)), np.uint64(expected_(reader, episodes, 0) + 1))
        elif kind == RECORD:
            context = name_record(reader)
        else:
            context = name_context(kind, reader)
        stimuli.contexts[t, q] = mixed(context + np.uint64(kind + 1) * _SALT)


@exact_inlined_kernel
def _above(reader: Reader) -> np.uint64:
    """Return the token above the one to come, + 1; 0 if there is none."""
    text = reader.text[0]
    if text.column < text.width_above and text.column < np.uint64(LINE):
        return np.uint64(reader.line_pair[np.uint64(1) - text.side, text.column] + 1)
    return np.uint64(0)


@exact_inlined_kernel
def _name_rows_(
    gates: NDArray[np.int64],
    maps: NDArray[np.int64],
    reader: Reader,
    episodes: Episodes,
    stimuli: Stimuli,
    t: int,
) -> None:
    text = reader.text[0]
    last, before = back(reader, 1), back(reader, 2)
    for g in range(len(gates)):
        gate = gates[g]
        if gate == LAST:
            row = last
        elif gate == CLASSES:
            row = text.class_1 * np.uint64(7) + text.class_2
        elif gate == EXPECTED:
            row = np.uint64(expected_(reader, episodes, 0) + 1)
        elif gate == FIELD:
            row = min(text.field, np.uint64(31))
        elif gate == LAST_BUT_ONE:
            row = before
        elif gate == IN_LINE:
            row = min(text.column, np.uint64(255))
        else:
            row = text.class_3 * np.uint64(49) + text.class_1 * np.uint64(7) + text.class_2
        stimuli.gates[t, g] = row
    for a in range(len(maps)):
        if maps[a] == LAST_MAP:
            chosen = last << np.uint64(8)
        elif maps[a] == LAST_TWO_MAP:
            chosen = pair(last, before)
        elif maps[a] == EXPECTED_MAP:
            chosen = np.uint64(expected_(reader, episodes, 0) + 1) << np.uint64(8)
        else:
            chosen = pair(above_in_field(reader), text.field)
        stimuli.maps[t, a] = chosen


@exact_inlined_kernel
def _read_text_(reader: Reader, token: int) -> None:
    text = reader.text[0]
    kind, before = CLASS[token], text.class_1
    is_letter = kind in (SMALL, CAPITAL)
    if len(reader.syntax) > 0:
        read_syntax_(reader, token, kind)
    text.class_3, text.class_2, text.class_1 = text.class_2, text.class_1, np.uint64(kind)
    if is_letter:
        text.word = rolled(text.word, np.uint64(token + (32 if kind == CAPITAL else 0)), 27, 0xFFFFF) + np.uint64(1)
    elif text.word != np.uint64(0):
        text.word_1, text.word = text.word, np.uint64(0)
    _read_shape_(reader, token, kind, before)
    if kind == NEWLINE:
        text.masked_above, text.masked = text.masked, np.uint64(0)
        text.side, text.width_above, text.column = np.uint64(1) - text.side, text.column, np.uint64(0)
        text.indent = text.first = text.phase = text.field = text.in_field = np.uint64(0)
    else:
        if text.column < np.uint64(LINE):
            reader.line_pair[text.side, text.column] = token
        text.column += np.uint64(1)
        _read_field_(reader, token, is_letter or kind == DIGIT or token == UNDERSCORE)


@exact_inlined_kernel
def _read_shape_(reader: Reader, token: int, kind: int, before: np.uint64) -> None:
    text = reader.text[0]
    if kind == DIGIT and before == np.uint64(DIGIT):
        text.place += np.uint64(1)
        return
    text.masked = rolled(text.masked, np.uint64(ord("0") if kind == DIGIT else token) + np.uint64(1), 29, 0xFFFFFF)
    is_letter = kind in (SMALL, CAPITAL)
    run = np.uint64(SMALL) if is_letter else np.uint64(DIGIT) if kind == DIGIT else np.uint64((token + 8) & 255)
    goes_on = run <= np.uint64(DIGIT) and run == text.runs & np.uint64(255)
    if not goes_on:
        text.runs = text.runs << np.uint64(8) | run
    text.place = np.uint64(2 if goes_on and is_letter else 1)  # of letters only whether it is the first: measured


@exact_inlined_kernel
def _read_field_(reader: Reader, token: int, is_of_identifier: bool) -> None:
    text = reader.text[0]
    if token == ord(" ") or token == TAB:
        text.field += text.in_field
        text.in_field = np.uint64(0)
        if text.phase == np.uint64(0):
            text.indent += np.uint64(1)
        elif text.phase == np.uint64(1):
            text.phase = np.uint64(2)
        return
    text.in_field = np.uint64(1)
    if text.phase < np.uint64(2):
        text.phase = np.uint64(1 if is_of_identifier else 2)
    if text.phase == np.uint64(1):
        text.first = (text.first + np.uint64(token)) * P1 + np.uint64(1)
