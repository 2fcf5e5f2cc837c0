"""`.txt`: all of it is one text, in UTF-8."""

import codecs
from collections.abc import Iterator

import numpy as np

from realnet.vocabulary import Vocabulary
from service.datasets.items import PIECE_TOKENS, Text, Tokens
from service.datasets.readers.encoded import encoded
from service.datasets.readers.findings import Findings
from service.datasets.upload import Upload

_READ_BYTES = 2**16


def read_txt(upload: Upload, vocabulary: Vocabulary, found: Findings) -> Iterator[Text]:
    """Read one text, every byte as it is: only a byte order mark is left out."""
    left: Tokens = np.zeros(0, np.int32)
    continues = False
    for text in _up_to_spaces(_decoded(upload, found)):
        if (tokens := encoded(text, vocabulary, found, "/file")) is None:
            return
        left = np.concatenate([left, tokens])
        whole = len(left) // PIECE_TOKENS * PIECE_TOKENS
        for start in range(0, whole, PIECE_TOKENS):
            yield Text(left[start : start + PIECE_TOKENS], continues)
            continues = True
        left = left[whole:]
    if len(left):
        yield Text(left, continues)


def _up_to_spaces(texts: Iterator[str]) -> Iterator[str]:
    """Yield the same text in other pieces, cut before spaces where there are any: so no word is two tokens for that."""
    left = ""
    for text in texts:
        whole = left + text
        end = whole.rfind(" ", 1)
        end = len(whole) if end < 0 else end
        yield whole[:end]
        left = whole[end:]
    yield left


def _decoded(upload: Upload, found: Findings) -> Iterator[str]:
    """Decode a file, up to the first byte that is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    position, line = 0, 1  # of what has been decoded
    if upload.file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
        position = len(codecs.BOM_UTF8)
    upload.file.seek(position)
    is_at_end = False
    while not is_at_end:
        data = upload.file.read(_READ_BYTES)
        is_at_end = not data
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(data, final=is_at_end)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            found.add(f"not UTF-8: byte {position - pending + error.start}, from 0", "/file", line=line)
            return
        yield text
        position += len(data)
        line += text.count("\n")
