"""Who tells of the rows of a stream and learns them: here a detector in this process."""

import re
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from realnet.streams.told import Detector, Told
from service.cli.watching.detectors import Kind

Row: TypeAlias = tuple[float | None, str | float]  # when, and what

_PLACE = re.compile(r"rows\[(\d+)\](?:: )?")


class RowRefused(Exception):
    """Rows that cannot be told of, none of them, because of the one at `place`; None if nobody knows which."""

    def __init__(self, why: str, place: int | None) -> None:
        super().__init__(why)
        self.place = place


class Judge(Protocol):
    """Who tells of the rows of one stream, and learns them.

    Attributes:
        rows: how many it has seen.
        remaining: rows until it says anything.
        most: rows that it takes at once.
        pause: seconds at least between rows and the next ones, where they come as they are written.
    """

    most: int
    pause: float

    @property
    def rows(self) -> int: ...

    @property
    def remaining(self) -> int: ...

    async def begin(self) -> None:
        """Get ready. Raises BadParameter and RealNetError."""
        ...

    async def tell(self, rows: Sequence[Row], key: str) -> Sequence[Told | None]:
        """Tell of rows and learn them, once under one key; None of a row of which that is no longer known.

        Raises RowRefused and RealNetError.
        """
        ...

    def checkpoint(self) -> bytes:
        """Return what it has learnt, as far as that is not kept elsewhere."""
        ...


class OwnJudge:
    """A detector in this process."""

    most = 1024
    pause = 0.0

    def __init__(self, detector: Detector[Any], kind: Kind) -> None:
        self._detector, self._kind = detector, kind

    @property
    def rows(self) -> int:
        return self._detector.rows

    @property
    def remaining(self) -> int:
        return self._detector.remaining

    async def begin(self) -> None:
        pass

    async def tell(self, rows: Sequence[Row], key: str) -> Sequence[Told]:
        try:
            return self._detector.run([self._kind.row(*row) for row in rows])
        except ValueError as error:
            found = _PLACE.match(str(error))
            why = str(error) if found is None else str(error)[found.end() :]
            raise RowRefused(why, None if found is None else int(found[1])) from error

    def checkpoint(self) -> bytes:
        return self._detector.checkpoint().to_bytes()
