"""What a learner takes and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from realnet.core.state import Float32
from realnet.inputs import Input, InputError
from realnet.outputs import Column
from realnet.vocabulary import Vocabulary

Row = Sequence[float]
Sleep: TypeAlias = Literal["replay", "search"]
Fit: TypeAlias = Literal["matrix", "gains"]


@dataclass(frozen=True, slots=True)
class Interface:
    """What stays the same for the life of a learner, so that any thread may look at it.

    Attributes:
        inputs: how many input neurons the net has.
        outputs: how many output neurons the net has.
        vocabulary: of a net of tokens; None: it takes frames, and cannot generate.
        reach: how many of the last ticks decide what the net has in mind, all but a little.
        columns: those of its outputs.
        idle_speaks: whether the outputs of ticks without input have these columns, too.
        sleep: what it does in sleep: replay pieces of its past, or search for contexts that would have predicted it;
            None: it does not sleep.
        fit: what of it is fitted by backpropagation: its matrix, or gains, mix and output maps; None: nothing.
        adapts: whether a fork may adapt to what it reads.
    """

    inputs: int
    outputs: int
    vocabulary: Vocabulary | None
    reach: int
    columns: tuple[Column, ...]
    idle_speaks: bool
    sleep: Sleep | None = "replay"
    fit: Fit | None = "matrix"
    adapts: bool = False

    def is_like(self, other: Interface) -> bool:
        """Return whether each of the two can be given what the other can be given, and says as much."""
        names = [each.vocabulary and each.vocabulary.name for each in (self, other)]
        return names[0] == names[1] and (self.inputs, self.outputs) == (other.inputs, other.outputs)

    def parse(
        self,
        *,
        text: str | None = None,
        tokens: Sequence[int] | None = None,
        frames: Sequence[Row] | None = None,
        teachers: Sequence[Row | None] | None = None,
    ) -> Input:
        """Read plain values as an input of this net.

        Args:
            text: instead of tokens.
            tokens: (T,) ids of the vocabulary; as bytes one each where it has at most 256 tokens, else two, the lower
                first.
            frames: T rows of `inputs` numbers in [0, 1].
            teachers: a row of `outputs` numbers in [0, 1] for each frame, None where there is none.

        Raises:
            InputError: it names the place.
        """
        if (text is not None) + (tokens is not None) + (frames is not None) != 1:
            given = {"text": text, "tokens": tokens, "frames": frames}
            named = [name for name, value in given.items() if value is not None]
            raise InputError((named[1] if named else "text",), "give exactly one of text, tokens and frames")
        if teachers is not None and frames is None:
            raise InputError(("teachers",), "teachers go with frames only")
        if frames is not None:
            return self._frames(frames, teachers)
        if self.vocabulary is None:
            raise InputError(("text" if tokens is None else "tokens",), "this net has no vocabulary: send frames")
        if tokens is None:
            try:
                return Input(tokens=self.vocabulary.encode(text or ""))
            except ValueError as error:
                raise InputError(("text",), str(error)) from error
        return self._tokens(tokens, self.vocabulary)

    def _tokens(self, tokens: Sequence[int], vocabulary: Vocabulary) -> Input:
        if isinstance(tokens, bytes):
            ids: NDArray[Any] = _unpacked(tokens, vocabulary.size)
            if vocabulary.size == 2 ** (8 * ids.itemsize):  # there is a token for each: none is unknown
                return Input(tokens=ids.astype(np.int32))
        else:
            try:
                ids = np.asarray(tokens) if len(tokens) else np.empty(0, np.int32)
            except ValueError as error:  # lists of several lengths
                raise InputError(("tokens",), "must be a list of integers") from error
            if ids.ndim != 1 or ids.dtype.kind not in "iu":
                raise InputError(("tokens",), "must be a list of integers")
        unknown = np.flatnonzero((ids < 0) | (ids >= vocabulary.size))
        if len(unknown):
            raise InputError(("tokens", int(unknown[0])), f"the vocabulary has {vocabulary.size} tokens")
        return Input(tokens=ids.astype(np.int32))

    def _frames(self, frames: Sequence[Row], teachers: Sequence[Row | None] | None) -> Input:
        if self.vocabulary is not None:
            raise InputError(("frames",), "this net takes tokens: send text or tokens")
        shown = _rows("frames", frames, self.inputs)
        if teachers is None:
            return Input(frames=shown)
        if len(teachers) != len(frames):
            raise InputError(("teachers",), "one for each frame, null where there is none")
        return Input(frames=shown, teachers=_rows("teachers", teachers, self.outputs, optional=True))


def _unpacked(data: bytes, size: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return ids of a vocabulary of `size`, one or two bytes each. Raises InputError."""
    if size <= 2**8:
        return np.frombuffer(data, np.uint8)
    if len(data) % 2:
        raise InputError(("tokens",), "must be an even number of bytes, two for each")
    return np.frombuffer(data, "<u2")


def _rows(name: str, rows: Sequence[Row | None], width: int, optional: bool = False) -> Float32:
    """Return (T, width) float32; of each None, if `optional`, a row of NaN. Raises InputError."""
    read = np.full((len(rows), width), np.nan, np.float32)
    for index, row in enumerate(rows):
        if row is None and optional:
            continue
        values = () if row is None else row
        if len(values) != width:
            raise InputError((name, index), f"{len(values)} values, and the net has {width}")
        try:
            read[index] = values
        except (TypeError, ValueError) as error:
            raise InputError((name, index), "must be numbers in [0, 1]") from error
        if not ((read[index] >= 0) & (read[index] <= 1)).all():  # also refuses NaN
            raise InputError((name, index), "must be numbers in [0, 1]")
    return read
