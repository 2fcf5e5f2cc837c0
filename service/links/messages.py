"""What two linked servers say to each other over `WS /v1/opinions`, in MessagePack."""

import msgspec
import numpy as np

from realnet.dendrites.opinions import Opinions
from realnet.tokens.ids import Tokens

SUBPROTOCOL = "realnet.opinions.v1"
MOST_TOKENS = 512  # of one message: some milliseconds of the other's engine


class Hello(msgspec.Struct, frozen=True):
    """Comes first, from the server that is asked: the tokens that its net knows, by the vocabulary's name."""

    vocabulary: str
    symbols: int


class Ask(msgspec.Struct, frozen=True):
    """Tokens that came, 16 bits each, low byte first; with `next` all decisions of the one to come are told, too."""

    tokens: bytes
    next: bool = False

    @property
    def ids(self) -> Tokens:
        """Raises ValueError for half a token."""
        if len(self.tokens) % 2:
            raise ValueError("the last token is half")
        return np.frombuffer(self.tokens, "<u2").astype(np.int32)


class Told(msgspec.Struct, frozen=True):
    """The opinions of the tokens' decisions, in order, a byte each; and those of the next token, by node."""

    opinions: bytes
    next: bytes | None = None


encode = msgspec.msgpack.Encoder().encode
hello_of = msgspec.msgpack.Decoder(Hello).decode
ask_of = msgspec.msgpack.Decoder(Ask).decode
told_of = msgspec.msgpack.Decoder(Told).decode


def ask(ids: Tokens, and_next: bool = False) -> bytes:
    return encode(Ask(ids.astype("<u2").tobytes(), and_next))


def pieces(ids: Tokens) -> list[Tokens]:
    """Return the tokens in pieces of one message each, at least one."""
    return [ids[i : i + MOST_TOKENS] for i in range(0, max(1, len(ids)), MOST_TOKENS)]


def opinions_in(told: bytes, *shape: int) -> Opinions:
    """Return the opinions, of this shape. Raises ValueError if there are fewer or more."""
    return np.frombuffer(told, np.int8).reshape(shape)
