"""Text <-> token ids."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

MOST = 2**16  # tokens
_MOST_BYTES = 2**26  # of a file
_HEX = 12  # signs of a hash that tell a file
_BEFORE = 4  # tokens that decide how the next is written
_INCOMPLETE = "\ufffd"  # where a character lacks bytes


class Vocabulary(Protocol):
    """The tokens of a net: ids of 0 to `size` - 1."""

    @property
    def name(self) -> str:
        """Return what tells it from others: of nets with vocabularies of one name the ids mean the same."""
        ...

    @property
    def size(self) -> int: ...

    @property
    def is_text(self) -> bool:
        """Return whether a text becomes tokens."""
        ...

    @property
    def content(self) -> bytes:
        """Return what its name does not tell: the bytes of its file."""
        ...

    @property
    def order(self) -> NDArray[np.int32]:
        """Return (size,) the tokens as they stand in a tree, in which neighbours share decisions."""
        ...

    def encode(self, text: str) -> NDArray[np.int32]:
        """Return (T,) tokens. Raises ValueError if the tokens are no text."""
        ...

    def decode(self, tokens: Sequence[int]) -> str: ...


class Bytes:
    """`bytes`: a text is the bytes of its UTF-8, 256 tokens, nothing is unknown."""

    name, size, is_text, content = "bytes", 256, True, b""

    @property
    def order(self) -> NDArray[np.int32]:
        return np.arange(self.size, dtype=np.int32)

    def encode(self, text: str) -> NDArray[np.int32]:
        """Return (T,) tokens. A lone surrogate, which UTF-8 has no bytes for, becomes a question mark."""
        return np.frombuffer(text.encode("utf-8", errors="replace"), np.uint8).astype(np.int32)

    def decode(self, tokens: Sequence[int]) -> str:
        """Return a text. Bytes that are no UTF-8 become U+FFFD."""
        return bytes(tokens).decode("utf-8", errors="replace")


class Symbols:
    """`symbols:37`: so many ids that stand for no text. They are shown as numbers."""

    is_text, content = False, b""

    def __init__(self, size: int) -> None:
        """Raises ValueError for fewer than 2 or more than 65,536."""
        if not 2 <= size <= MOST:
            raise ValueError(f"there are {size} symbols, must be from 2 to {MOST}")
        self.size, self.name = size, f"symbols:{size}"

    @property
    def order(self) -> NDArray[np.int32]:
        return np.arange(self.size, dtype=np.int32)

    def encode(self, text: str) -> NDArray[np.int32]:
        """Return no tokens of an empty text. Raises ValueError for any other."""
        if text:
            raise ValueError("the tokens of this net are no text: send their ids")
        return np.empty(0, np.int32)

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(f"{token} " for token in tokens)


class TokenizerFile:
    """`tokenizers:` and the first 12 signs of its file's SHA-256: a file of the library `tokenizers`, up to 65,536 ids.

    In a tree its tokens stand in the order of their bytes, by which those that begin alike are neighbours.
    """

    is_text = True

    def __init__(self, content: bytes) -> None:
        """`content` is that of the file, JSON. Raises ValueError for one that is no such file, or has too many tokens.

        Also where the library is not installed.
        """
        try:
            from tokenizers import Tokenizer
        except ModuleNotFoundError:
            why = (
                "this vocabulary needs tokenizers, which is not installed here: pip install 'realnet-live[tokenizers]'"
            )
            raise ValueError(why) from None
        try:
            self._tokenizer = Tokenizer.from_str(content.decode())
        except Exception as error:  # the library's own are of no narrower kind
            raise ValueError(f"not a file of the library tokenizers: {' '.join(str(error).split())}") from None
        self._tokenizer.no_truncation()  # nothing of a text is lost, and nothing is added to it
        self._tokenizer.no_padding()
        self._ids = self._tokenizer.get_vocab(with_added_tokens=True)
        self.size = 1 + max(self._ids.values(), default=0)
        if not 2 <= self.size <= MOST:
            raise ValueError(f"the tokenizer has {self.size} tokens, must be from 2 to {MOST}")
        self.content = content
        self.name = f"tokenizers:{hashlib.sha256(content).hexdigest()[:_HEX]}"

    @classmethod
    def read(cls, path: str | Path) -> TokenizerFile:
        """Read a file, `tokenizer.json`. Raises ValueError and OSError."""
        with Path(path).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ValueError(f"a vocabulary's file may have {_MOST_BYTES:,} bytes")
        return cls(content)

    @property
    def order(self) -> NDArray[np.int32]:
        written = {id: token.encode() for token, id in self._ids.items()}  # an id that is none has no bytes
        return np.array(sorted(range(self.size), key=lambda id: (written.get(id, b""), id)), np.int32)

    def encode(self, text: str) -> NDArray[np.int32]:
        """Return (T,) tokens, without any that the file would put around a text."""
        whole = text.encode("utf-8", errors="replace").decode()  # the library takes no lone surrogates
        [encoded] = self._tokenizer.encode_batch_fast([whole], add_special_tokens=False)  # other threads may go on
        return np.array(encoded.ids, np.int32)

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=False))


class Continuation:
    """The text of tokens that come one after the other, perhaps with a character or a word in several of them.

    The texts of `add` and `rest`, joined, are what the tokens say after those that came `before`.
    """

    def __init__(self, vocabulary: Vocabulary, before: Sequence[int] = ()) -> None:
        self._vocabulary = vocabulary
        self._tokens = list(before[-_BEFORE:])  # they tell whether a word begins, or a space is to be written
        self._told = vocabulary.decode(self._tokens)
        if self._told.endswith(_INCOMPLETE):
            self._tokens, self._told = [], ""
        self._known = len(self._tokens)

    def add(self, tokens: Sequence[int]) -> str:
        """Return what these add: without a character that is not complete yet."""
        return "".join(self._add(token) for token in tokens)

    def _add(self, token: int) -> str:
        self._tokens.append(token)
        text = self._vocabulary.decode(self._tokens)
        if text.endswith(_INCOMPLETE):
            return ""
        more = text[len(self._told) :]
        self._tokens = self._tokens[self._known :]
        self._known, self._told = len(self._tokens), self._vocabulary.decode(self._tokens)
        return more

    def rest(self) -> str:
        """Return what is left at the end: a character that was never completed."""
        return self._vocabulary.decode(self._tokens)[len(self._told) :]


def vocabulary_named(name: object, content: bytes = b"") -> Vocabulary:
    """Return the vocabulary of this name, and of this file if it has one. Raises ValueError if there is none."""
    if name == Bytes.name:
        return Bytes()
    if isinstance(name, str) and (symbols := re.fullmatch(r"symbols:([0-9]{1,5})", name)):
        return Symbols(int(symbols[1]))
    if isinstance(name, str) and name.startswith("tokenizers:"):
        vocabulary = TokenizerFile(content)
        if vocabulary.name != name:
            raise ValueError(f"the vocabulary is {name}, and the file with it is {vocabulary.name}")
        return vocabulary
    raise ValueError(f"vocabulary is {name!r}, must be bytes, symbols:N or tokenizers:HASH")
