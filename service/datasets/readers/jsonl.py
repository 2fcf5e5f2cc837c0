"""`.jsonl`: in every line `{"text": …}`, or `{"input": …, "target": …}`, all of one kind."""

import re
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import UNSET, Meta, UnsetType

from realnet.vocabulary import Vocabulary
from service.datasets.items import PAIR_TOKENS, Pair, Text, Tokens, Vectors, blocks, cut
from service.datasets.readers.encoded import encoded
from service.datasets.readers.findings import LINE_BYTES, Findings, Lines
from service.datasets.upload import Upload

_MARGIN_BYTES = 2**16
_NUMBER_BYTES = 32
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


def read_jsonl_of_tokens(upload: Upload, vocabulary: Vocabulary, found: Findings) -> Iterator[Text | Pair]:
    """Read texts, or pairs whose sides are strings or lists of token ids."""
    token = Annotated[int, Meta(ge=0, lt=vocabulary.size)]
    tokens = Annotated[list[token], Meta(min_length=1, max_length=PAIR_TOKENS)]
    text = Annotated[str, Meta(min_length=1)]
    names = {"text": text, "input": text | tokens, "target": text | tokens}
    decoder = _decoder({name: (type | UnsetType, UNSET) for name, type in names.items()})
    are_texts = None
    for number, line in _decoded(upload, decoder, found):
        given = [getattr(line, name) is not UNSET for name in names]
        if given not in ([True, False, False], [False, True, True]):
            found.add("give `text`, or `input` and `target`", line=number)
            continue
        are_texts = given[0] if are_texts is None else are_texts
        if given[0] != are_texts:
            found.add(
                f"the lines before are {'texts' if are_texts else 'pairs'}, and a set is of one kind", line=number
            )
        elif are_texts:
            yield from cut(_tokens(line.text, "text", vocabulary, found, number))
        else:
            sides = [_tokens(getattr(line, name), name, vocabulary, found, number) for name in ("input", "target")]
            too_long = [name for name, side in zip(("input", "target"), sides, strict=True) if len(side) > PAIR_TOKENS]
            for name in too_long:
                found.add(f"more than {PAIR_TOKENS:,} tokens", f"/{name}", line=number)
            if not too_long:
                yield Pair(*sides)


def read_jsonl_of_vectors(upload: Upload, widths: tuple[int, int], found: Findings) -> Iterator[Vectors]:
    """Read pairs of lists of numbers in [0, 1], as rows of float32."""
    most = _MARGIN_BYTES + _NUMBER_BYTES * sum(widths)  # no more is decoded than could be right
    yield from blocks(_rows(upload, widths, most, found))


def _rows(
    upload: Upload, widths: tuple[int, int], most: int, found: Findings
) -> Iterator[tuple[list[float], list[float]]]:
    unit = Annotated[float, Meta(ge=0.0, le=1.0)]
    sides = [Annotated[list[unit], Meta(min_length=width, max_length=width)] for width in widths]
    decoder = _decoder(dict(zip(("input", "target"), sides, strict=True)))
    for _, line in _decoded(upload, decoder, found, most):
        yield line.input, line.target


def _decoder(fields: dict[str, Any]) -> "msgspec.json.Decoder[Any]":
    """Return a decoder of objects with these fields, each with its type or its type and default."""
    described = [(name, *(kind if isinstance(kind, tuple) else (kind,))) for name, kind in fields.items()]
    return msgspec.json.Decoder(msgspec.defstruct("Line", described, forbid_unknown_fields=True))


def _decoded(
    upload: Upload, decoder: "msgspec.json.Decoder[Any]", found: Findings, most: int = LINE_BYTES
) -> Iterator[tuple[int, Any]]:
    lines = Lines(upload.file, found, most)
    for line in lines:
        if line.isspace() or not line:
            found.add("the line is empty", line=lines.number)
            continue
        try:
            yield lines.number, decoder.decode(line)
        except UnicodeDecodeError:
            found.add(_not_utf8(line), line=lines.number)
        except msgspec.DecodeError as error:
            detail, _, path = str(error).partition(" - at `$")
            if "unknown field" in detail:  # which it repeats
                detail = f"an unknown field: there are {', '.join(decoder.type.__struct_fields__)}"
            pointer = "".join(f"/{name or index}" for name, index in _STEP.findall(path))
            found.add(detail, pointer or None, line=lines.number)


def _not_utf8(line: bytes) -> str:
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8: byte {error.start} of the line, from 0"
    raise AssertionError("the decoder found a byte that is no UTF-8")


def _tokens(given: str | list[int], name: str, vocabulary: Vocabulary, found: Findings, line: int) -> Tokens:
    """Return the tokens of a field; none, which is then told, of a text that the vocabulary has none for."""
    if not isinstance(given, str):
        return np.array(given, np.int32)
    tokens = encoded(given, vocabulary, found, f"/{name}", line)
    if tokens is not None and not len(tokens):
        found.add("there is no token in it", f"/{name}", line=line)
    return np.zeros(0, np.int32) if tokens is None else tokens
