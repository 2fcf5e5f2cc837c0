"""Decode inputs in one step, without asking a schema: most are right, and those that are not are judged elsewhere."""

from typing import Annotated, TypeAlias

import msgspec

from realnet.inputs import Input, InputError
from realnet.interface import Interface
from service.validation import LABEL_LENGTH, is_session

MAX_SEQ = 2**53 - 1  # what a number in JavaScript can count to

Seq: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=MAX_SEQ)]


class TypedInput(msgspec.Struct, forbid_unknown_fields=True, gc=False, kw_only=True):
    """An input. It may still be wrong: `parsed` tells, and a schema then says what is wrong where."""

    text: str | None = None
    tokens: bytes | list[int] | None = None
    frames: list[list[float]] | None = None
    teachers: list[list[float] | None] | None = None
    learn: bool = True
    label: str | None = None
    session: str | None = None

    def parsed(self, interface: Interface, max_ticks: int) -> Input | None:
        """Return what the net is given; None if that, the label or the session is wrong."""
        if self.label is not None and not (0 < len(self.label) <= LABEL_LENGTH and self.label.isprintable()):
            return None
        if self.session is not None and not is_session(self.session):
            return None
        try:
            given = interface.parse(text=self.text, tokens=self.tokens, frames=self.frames, teachers=self.teachers)
        except InputError:
            return None
        return given if 0 < len(given) <= max_ticks else None


class JsonBody(TypedInput, kw_only=True):
    """An input as REST has it: JSON has no bytes."""

    tokens: list[int] | None = None


class MsgpackInput(TypedInput, tag="input", kw_only=True):
    """An input as a message of a stream."""

    seq: Seq


class JsonInput(MsgpackInput, kw_only=True):
    """The same in JSON."""

    tokens: list[int] | None = None
