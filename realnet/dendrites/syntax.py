"""Contexts of a text that has a syntax, such as source and logs: identifiers, marks, fields, the shape of a line."""

from __future__ import annotations

import numpy as np

from realnet.core._numba import exact_inlined_kernel
from realnet.dendrites.reader import (
    CAPITAL,
    DIGIT,
    FIELDS,
    LINE,
    NEWLINE,
    SMALL,
    SPACE,
    TAB,
    UNDERSCORE,
    Reader,
    back,
    pair,
    rolled,
)

_WORDS_APART, _SHAPE, _IDENTIFIERS, _FOLLOWED = 106, 116, 120, 128
_MARKS, _MARKS_IDENTIFIER, _INDENT_LAST, _LINE_SHAPE, _TOKEN_KINDS = 133, 134, 137, 147, 148
_WORDS_FAR = 159
FAR_WORDS = "words, third"
_SIX = np.uint64(2**48 - 1)  # bytes of a register

SYNTAX_CONTEXTS = {
    "words apart": _WORDS_APART,  # the word, and the word before the last
    "shape": _SHAPE,  # the last eight runs of letters, digits or marks
    "identifiers": _IDENTIFIERS,  # letters, digits and _ since the last other token, and the two such before
    "followed": _FOLLOWED,  # the last token, and what followed it the last three times
    "marks": _MARKS,  # the last token, and the last three that are neither spaces nor of an identifier
    "marks, identifier": _MARKS_IDENTIFIER,  # these three, and the identifier so far
    "indent, last": _INDENT_LAST,  # the indentation, the last token, and whether the line has nothing else yet
    "line shape": _LINE_SHAPE,  # the runs of letters, of digits or of the same mark of the line so far
    "kinds": _TOKEN_KINDS,  # of the last twelve tokens: small, capital, digit, or the mark itself
    FAR_WORDS: _WORDS_FAR,  # the word, the word before, and the third last word
}


@exact_inlined_kernel
def name_context(kind: int, reader: Reader) -> np.uint64:
    """Return the name of the context of a kind; only for a reader that has a syntax."""
    text, syntax, last = reader.text[0], reader.syntax[0], back(reader, 1)
    if kind == _WORDS_APART:
        context = pair(text.word, syntax.word_2)
    elif kind == _SHAPE:
        context = pair(text.runs, np.uint64(1))
    elif kind == _IDENTIFIERS:
        context = pair(pair(syntax.identifier, syntax.identifier_1), syntax.identifier_2)
    elif kind == _FOLLOWED:
        context = pair(np.uint64(reader.followed[last]) if last < np.uint64(256) else np.uint64(0), last)
    elif kind == _MARKS:
        context = pair(pair(syntax.marks, last), np.uint64(2))
    elif kind == _MARKS_IDENTIFIER:
        # Not the other way round: a small number before a hash would only add to it.
        context = pair(syntax.identifier, syntax.marks)
    elif kind == _INDENT_LAST:
        context = pair(pair(text.indent, last), np.uint64(1 if text.column == text.indent else 0))
    elif kind == _LINE_SHAPE:
        context = syntax.line_shape
    elif kind == _WORDS_FAR:
        context = pair(pair(text.word, text.word_1), reader.far_word[0])
    else:
        context = pair(syntax.kinds, syntax.kinds_before)
    return np.uint64(context)


@exact_inlined_kernel
def above_in_field(reader: Reader) -> np.uint64:
    """Return the token at the same place of the same field of the line above, + 1; 0 if there is none."""
    text, syntax = reader.text[0], reader.syntax[0]
    if text.field > syntax.fields_above or text.field >= np.uint64(FIELDS):
        return np.uint64(0)
    above = np.uint64(1) - text.side
    column = np.uint64(reader.starts[above, text.field]) + text.column - syntax.field_start
    if column < text.width_above and column < np.uint64(LINE):
        return np.uint64(reader.line_pair[above, column] + 1)
    return np.uint64(0)


@exact_inlined_kernel
def read_syntax_(reader: Reader, token: int, kind: int) -> None:
    """Take a token of a class into the mind, before `reader.text` changes."""
    text, syntax = reader.text[0], reader.syntax[0]
    is_letter = kind in (SMALL, CAPITAL)
    is_mark = not is_letter and kind != DIGIT
    if not is_letter and text.word != np.uint64(0):
        if len(reader.far_word) > 0:
            reader.far_word[0] = syntax.word_2
        syntax.word_2 = text.word_1
    if not is_mark or token == UNDERSCORE:
        syntax.identifier = rolled(syntax.identifier, np.uint64(token), 27, 0xFFFFF) + np.uint64(1)
    else:
        if syntax.identifier != np.uint64(0):
            syntax.identifier_2, syntax.identifier_1 = syntax.identifier_1, syntax.identifier
            syntax.identifier = np.uint64(0)
        if kind != SPACE:
            syntax.marks = (syntax.marks << np.uint64(8) | np.uint64(token + 1)) & np.uint64(0xFFFFFF)
    mark = np.uint64(token + 8)
    syntax.kinds_before = (syntax.kinds_before << np.uint64(8) | syntax.kinds >> np.uint64(40)) & _SIX
    syntax.kinds = (syntax.kinds << np.uint64(8) | (mark if is_mark else np.uint64(kind))) & _SIX
    before = back(reader, 2)
    if before < np.uint64(256):
        reader.followed[before] = (reader.followed[before] << np.uint32(8) | np.uint32(token)) & np.uint32(0xFFFFFF)
    if kind == NEWLINE:
        syntax.line_shape = syntax.line_run = syntax.field_start = np.uint64(0)
        syntax.fields_above, reader.starts[np.uint64(1) - text.side, 0] = text.field, 0
        return
    run = mark if is_mark else np.uint64(SMALL if is_letter else DIGIT)
    if run != syntax.line_run:
        syntax.line_shape, syntax.line_run = rolled(syntax.line_shape, run + np.uint64(1), 29, 0xFFFFFF), run
    if kind == SPACE or token == TAB:
        field = text.field + text.in_field
        syntax.field_start = text.column + np.uint64(1)
        if field < np.uint64(FIELDS):
            reader.starts[text.side, field] = syntax.field_start
