"""Sessions that live at once over one matrix: what a kernel that can do it is asked, and answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from realnet.core.state import Float32, ShortTerm
from realnet.kernels.sparse_frames import SparseFrames


class Together(NamedTuple):
    """What S sessions said, and have in mind now.

    Attributes:
        outputs: of each session (T, n_out), those of step 5.
        next: (S, n_out) what each would have said next, to a frame of zeros, when its frames came to an end.
        minds: of each session, with what was `collected` for it.
    """

    outputs: list[Float32]
    next: Float32
    minds: list[ShortTerm]


class LivesTogether(Protocol):
    """A kernel of `literal` that has several sessions live a tick in one pass over the matrix."""

    def run_together(
        self,
        minds: Sequence[ShortTerm],
        frames: Sequence[SparseFrames],
        teachers: Sequence[Float32 | None],
        rates: Sequence[float],
    ) -> Together:
        """Run ticks of all sessions at once; the net's own activity stays what it is. All is told session by session.

        At a tick all fire from the same W. Then each weight learns from one session after the other, in their order,
        and is normalised once, after the last. A silent session, and one of rate 0, changes nothing; one whose frames
        have come to an end drops out. A mind that has what was `collected` for it goes on from that.
        """
        ...
