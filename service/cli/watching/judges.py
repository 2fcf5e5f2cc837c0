"""Who tells of the rows of a stream and learns them: here a detector in this process."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from threading import Timer
from typing import Any, Protocol, TypeAlias

from realnet.streams.told import Detector, Told
from service.cli.watching.detectors import Kind

What: TypeAlias = str | float | dict[str, Any]  # a line, a value, several by name, or the fields of a JSON event
Row: TypeAlias = tuple[float | None, What]  # when, and what

_LOAD_SECONDS = 3.0  # that compiled kernels take at most to be loaded
_COMPILES = "compiling the kernels, once on this machine; it takes up to a minute"
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

    pause: float

    @property
    def most(self) -> int: ...

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
    """A detector in this process. `say` is told where its kernels have to be compiled."""

    pause = 0.0

    def __init__(self, detector: Detector[Any], kind: Kind, say: Callable[[str], None]) -> None:
        self._detector, self._kind, self._say = detector, kind, say
        self._is_compiled = False

    @property
    def most(self) -> int:
        return 1024 if self._is_compiled else 64  # which take no time, or they were compiled for

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
            with nullcontext() if self._is_compiled else self._compiling():
                return self._detector.run([self._kind.row(*row) for row in rows])
        except ValueError as error:
            found = _PLACE.match(str(error))
            why = str(error) if found is None else str(error)[found.end() :]
            raise RowRefused(why, None if found is None else int(found[1])) from error

    def checkpoint(self) -> bytes:
        return self._detector.checkpoint().to_bytes()

    @contextmanager
    def _compiling(self) -> Iterator[None]:
        """Say why the first rows take long, on a machine that has not run the kernels before."""
        timer = Timer(_LOAD_SECONDS, self._say, [_COMPILES])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            self._is_compiled = self.remaining == 0
