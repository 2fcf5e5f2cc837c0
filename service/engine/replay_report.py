"""Say how far a replay is: a bar on a terminal, lines in the log elsewhere."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.replica.replay import Replay
from service.replica.replica import Replica

_SAY_SECONDS = 5.0
_logger = logging.getLogger(__name__)


def reported(replay: Replay, replica: Replica) -> Iterator[int]:
    """Run a replay and say how far it is; yield what it yields. Raises JournalDamaged and StoreError."""
    if not replay.total:
        yield from replay.run(replica)
        return
    began = said_at = time.monotonic()
    _logger.info("reading the journal: %d records", replay.total)
    with _bar(replay.total) as show:
        for ticks in replay.run(replica):
            show(replay.done)
            if time.monotonic() - said_at > _SAY_SECONDS:
                said_at = time.monotonic()
                percent = 100 * replay.done // replay.total
                _logger.info("reading the journal: %d%%, tick %d", percent, replica.learner.net.tick)
            yield ticks
    seconds = time.monotonic() - began
    _logger.info("the journal is read, in %.1f s: %d records, tick %d", seconds, replay.done, replica.learner.net.tick)


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # takes a tenth of a second
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading the journal", total=total)
        yield lambda done: progress.update(task, completed=done)
