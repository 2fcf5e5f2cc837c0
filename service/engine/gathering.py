"""Inputs of sessions that wait for the net, so that those of several sessions are lived at once.

How they are grouped is decided when they are journalled, and stands in the journal.
"""

from collections import deque
from collections.abc import Iterator, Sequence

from realnet import FrameLearner, TokenLearner
from realnet.learners import Learner
from service.engine.commands import Run
from service.journal.records import SessionInputRecord, TogetherRecord
from service.replica.entry import Entry
from service.replica.replica import Horizon

_MOST = 16  # sessions at once: beyond, a pass over the matrix costs hardly less for each
_LONGEST = 128  # ticks of an input: the others wait for the last
_TIMES = 4  # as long as the shortest the longest may be


def may_live_together(learner: Learner) -> bool:
    """Return whether a net has several sessions live in one pass over its matrix."""
    return isinstance(learner, TokenLearner | FrameLearner) and learner.net.lives_together


class Gathering:
    """What was taken from the inbox and is not journalled yet, in the order in which it came. The engine's."""

    def __init__(self) -> None:
        self._runs: deque[Run] = deque()
        self._under_way: set[str | None] = set()  # whose inputs have been journalled since the net had nothing to do

    def __len__(self) -> int:
        return len(self._runs)

    def takes(self, run: Run) -> bool:
        """Take an input of a session, and whatever comes behind one; return whether this is such."""
        if run.session is None and not self._runs:
            return False
        self._runs.append(run)
        return True

    def ready(self, learner: Learner, is_busy: bool, must: bool) -> list[list[Run]]:
        """Return what is to be journalled now, in groups that are lived at once, if the learner can do that.

        While it `is_busy` all wait, unless one session has it to itself, or they `must` not: then nobody knows what it
        will be when their turn comes, and each is by itself.
        """
        if not is_busy:
            self._under_way.clear()
        sessions = self._under_way.union(run.session for run in self._runs)
        if not self._runs or (is_busy and not must and len(sessions) > 1):
            return []
        self._under_way = sessions
        runs = self.clear()
        return list(_grouped(runs)) if not is_busy and may_live_together(learner) else [[run] for run in runs]

    def clear(self) -> list[Run]:
        """Give everything up, and return it."""
        runs = list(self._runs)
        self._runs.clear()
        return runs


def entry_of(runs: Sequence[Run], horizon: Horizon, stretch: int) -> Entry:
    """Return what is to be journalled for inputs that are lived at once, or for one alone."""
    if len(runs) == 1:
        return runs[0].entry(horizon)
    members, at = [], horizon
    for run in runs:
        members.append(run.entry(at))
        at = at.after(members[-1])
    inputs = [each.record for each in members if isinstance(each.record, SessionInputRecord)]
    return Entry(TogetherRecord(horizon.tick, stretch, inputs), members=members)


def _grouped(runs: list[Run]) -> Iterator[list[Run]]:
    """Yield groups of inputs of different sessions.

    An input may be lived before others that came first, but never before one of its session or of its client, nor
    before or after one of no session.
    """
    left = deque(runs)
    while left:
        group, passed = [left.popleft()], deque[Run]()
        while left and group[0].session is not None and left[0].session is not None and len(group) < _MOST:
            run = left.popleft()
            (group if _joins(run, group, passed) else passed).append(run)
        left.extendleft(reversed(passed))
        yield group


def _joins(run: Run, group: list[Run], passed: deque[Run]) -> bool:
    if any(run.session == each.session for each in group):
        return False
    for each in passed:
        is_same_client = run.sender.client is not None and _client(run) == _client(each)
        if run.session == each.session or is_same_client:
            return False
    ticks = [each.ticks for each in (*group, run)]
    return max(ticks) <= min(_LONGEST, _TIMES * min(ticks))


def _client(run: Run) -> tuple[str, str | None]:
    return run.sender.space, run.sender.client
