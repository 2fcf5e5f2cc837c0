"""What a person may choose of a detector of values."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, get_args

from realnet.streams.zone import zone_of

Sensitivity: TypeAlias = Literal["quiet", "normal", "eager"]
Direction: TypeAlias = Literal["up", "down", "both"]
Missing: TypeAlias = Literal["refuse", "skip", "previous", "zero"]
Expert: TypeAlias = Literal["table", "tree", "mixed"]

BITS: dict[Sensitivity, float] = {"quiet": 13.0, "normal": 11.75, "eager": 10.75}
_CHOICES: dict[str, tuple[str, ...]] = {
    "sensitivity": get_args(Sensitivity),
    "direction": get_args(Direction),
    "missing": get_args(Missing),
    "expert": get_args(Expert),
}


@dataclass(frozen=True, slots=True)
class ValueOptions:
    """Options of a detector of values.

    Attributes:
        sensitivity: how rare a row must be to be news: 13, 11.75 or 10.75 bits.
        min_change: no news is a value that is less than so far from what was expected and from the mean of the last 50;
            None: 5% of the usual value, or, where there is a budget, nothing.
        direction: whether only what is above or below what was expected is news.
        budget: alarms in 1,000 rows, in place of a sensitivity: the bits that are asked for rise and fall until it is
            kept. None: they stay.
        zone: where the hours of the day are from, a name as `Europe/Berlin`.
        missing: what to do with a value that is NaN or infinite.
        expert: who expects: counts by the hour, a tree of contexts, or three quarters of the one and one of the other.

    Raises ValueError for what cannot be chosen.
    """

    sensitivity: Sensitivity = "normal"
    min_change: float | None = None
    direction: Direction = "both"
    budget: float | None = None
    zone: str = "UTC"
    missing: Missing = "refuse"
    expert: Expert = "mixed"

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if (chosen := getattr(self, name)) not in choices:
                raise ValueError(f"{name} is {chosen!r}, must be one of {', '.join(choices)}")
        if self.min_change is not None and not (_is_number(self.min_change) and 0 <= self.min_change < math.inf):
            raise ValueError(f"min_change is {self.min_change!r}, must be a number, at least 0")
        if self.budget is not None and not (_is_number(self.budget) and 0.01 <= self.budget <= 10):
            raise ValueError(f"budget is {self.budget!r}, must be from 0.01 to 10 alarms in 1,000 rows")
        if not isinstance(self.zone, str):
            raise ValueError(f"zone is {self.zone!r}, must be the name of a time zone")
        zone_of(self.zone)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
