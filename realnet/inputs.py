"""What a learner is given: tokens, or frames with or without teachers, one a tick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realnet.core.state import Float32, ShortTerm


class InputError(ValueError):
    """An input that a net cannot take.

    Attributes:
        place: where in the input it is wrong, from the outside in: `("frames", 3)`.
        detail: what is wrong there.
    """

    def __init__(self, place: tuple[str | int, ...], detail: str) -> None:
        super().__init__(f"{place[0]}{''.join(f'[{index}]' for index in place[1:])}: {detail}")
        self.place, self.detail = place, detail


@dataclass(frozen=True, slots=True, eq=False)
class Input:
    """One token or one frame a tick.

    Attributes:
        tokens: (T,) of a net of tokens; None: frames.
        frames: (T, n_in) in [0, 1] of a net of frames; None: tokens.
        teachers: (T, n_out) in [0, 1], a row of NaN where there is none; None: nowhere.
    """

    tokens: NDArray[np.int32] | None = None
    frames: Float32 | None = None
    teachers: Float32 | None = None

    def __post_init__(self) -> None:
        if (self.tokens is None) == (self.frames is None):
            raise ValueError("an input is either of tokens or of frames")

    def __len__(self) -> int:
        """Return the number of ticks."""
        rows = self.frames if self.tokens is None else self.tokens
        assert rows is not None, "an Input has tokens or frames"
        return len(rows)

    def __getitem__(self, ticks: slice) -> Input:
        """Return some of the ticks; views, not copies."""
        return Input(
            tokens=None if self.tokens is None else self.tokens[ticks],
            frames=None if self.frames is None else self.frames[ticks],
            teachers=None if self.teachers is None else self.teachers[ticks],
        )

    @staticmethod
    def joined(inputs: Sequence[Input]) -> Input:
        """Join inputs of one kind, one after the other. Where only some have teachers, the others get rows of NaN."""
        if len(inputs) == 1:
            return inputs[0]
        if inputs[0].tokens is not None:
            return Input(tokens=np.concatenate([each.tokens for each in inputs if each.tokens is not None]))
        frames = np.concatenate([each.frames for each in inputs if each.frames is not None])
        taught = [each.teachers for each in inputs if each.teachers is not None]
        if not taught:
            return Input(frames=frames)
        nobody = np.full((1, taught[0].shape[1]), np.nan, np.float32)
        rows = [nobody.repeat(len(each), 0) if each.teachers is None else each.teachers for each in inputs]
        return Input(frames=frames, teachers=np.concatenate(rows))


@dataclass(slots=True, eq=False)
class Turn:
    """What one of several sessions is given at once.

    Attributes:
        given: its tokens or frames.
        mind: what it has in mind, None: nothing.
        rate: the learning rate, 0: nothing is learnt.
        first_tick: the number of its first tick; the others follow each other.
    """

    given: Input
    mind: ShortTerm | None
    rate: float
    first_tick: int

    @property
    def ticks(self) -> NDArray[np.int64]:
        """Return (T,) the numbers of its ticks."""
        return np.arange(self.first_tick, self.first_tick + len(self.given))
