"""What another shard refuses with, as the one that asked it is told."""

import pytest

from service.errors import (
    Conflict,
    EngineStopped,
    ErrorLocation,
    Invalid,
    Limited,
    NetDamaged,
    NotFound,
    NotReady,
    PeerFailed,
    error_of,
    problem_of,
)
from service.store.base import StoreError

REFUSALS: list[Exception] = [
    kind("why") for kind in (Conflict, NotFound, NotReady, NetDamaged, EngineStopped, StoreError)
]
REFUSALS.append(Invalid([ErrorLocation(detail="why", pointer="/parent"), ErrorLocation(detail="why not", line=1)]))


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
def test_what_another_shard_refuses_with_is_raised_here(error: Exception) -> None:
    same = error_of(problem_of(error))
    assert (type(same), str(same)) == (type(error), str(error))


def test_what_nobody_knows_is_a_failure_of_the_other() -> None:
    for error in (ZeroDivisionError(), Limited("too fast", 1)):
        assert isinstance(error_of(problem_of(error)), PeerFailed)
