"""What a key is for: which nets, and how much of the server."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

_PATTERN = re.compile(r"[a-z0-9*][a-z0-9._*-]{0,63}")  # has no other sign that fnmatch knows but `*`
_MOST_PATTERNS = 100
_BYTES = re.compile(r"([0-9]{1,15})(?:([KMGT])(i?)B)?")


@dataclass(slots=True, frozen=True)
class Share:
    """The nets that a key is for, and how much of them is its own; None is what the settings say, or no limit.

    Attributes:
        nets: patterns of names, in which `*` is any signs.
        rate_requests: requests a second; 0 is no limit.
        rate_ticks: tokens or frames a second; 0 is no limit.
        max_nets: how many nets of such names, beside `default`, there may be at most for it to make another.
        max_bytes: of memory, that the nets of such names, beside `default`, may take together, whoever uses them.
    """

    nets: tuple[str, ...] = ("*",)
    rate_requests: float | None = None
    rate_ticks: float | None = None
    max_nets: int | None = None
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        """Raises ValueError with one line for what cannot be."""
        if not 1 <= len(self.nets) <= _MOST_PATTERNS or not all(map(_PATTERN.fullmatch, self.nets)):
            raise ValueError(
                f"nets are 1 to {_MOST_PATTERNS} patterns with commas between, of 1 to 64 signs of a-z 0-9 . _ - and *"
            )
        for rate in (self.rate_requests, self.rate_ticks):
            if rate is not None and not (math.isfinite(rate) and rate >= 0):
                raise ValueError("a rate is a number, 0 or more")
        if self.max_nets is not None and self.max_nets < 0:
            raise ValueError("max_nets is a number, 0 or more")
        if self.max_bytes is not None and self.max_bytes < 1:
            raise ValueError("max_bytes is a number, 1 or more, as 2000000000 or 2GiB")

    def includes(self, net: str) -> bool:
        """Return whether the key is for a net of this name, whether or not there is one."""
        return any(fnmatchcase(net, pattern) for pattern in self.nets)

    @property
    def beginnings(self) -> list[str]:
        """Return what the names begin with that the share includes, sorted; none begins with another of them."""
        found: list[str] = []
        for each in sorted({pattern.partition("*")[0] for pattern in self.nets}):
            if not (found and each.startswith(found[-1])):
                found.append(each)
        return found

    @property
    def words(self) -> str:
        """Return what is not as with any key, as the file has it: `nets=a,b-* rate_ticks=1000`."""
        words = [] if self.nets == ("*",) else [f"nets={','.join(self.nets)}"]
        numbers = {name: getattr(self, name) for name in _OWN if name != "nets"}
        return " ".join([*words, *(f"{name}={value:.16g}" for name, value in numbers.items() if value is not None)])

    @classmethod
    def of_words(cls, words: str) -> "Share":
        """Return what `words` wrote. Raises ValueError."""
        given: dict[str, Any] = {}
        for word in words.split():
            name, _, value = word.partition("=")
            if name not in _OWN or name in given:
                raise ValueError(f"{name} is not one of {', '.join(_OWN)}, once each")
            try:
                given[name] = _OWN[name](value)
            except ValueError:
                raise ValueError(f"{name} is a number") from None
        return cls(**given)


def patterns_of(text: str) -> tuple[str, ...]:
    """Return the patterns in a list with commas between."""
    return tuple(each.strip() for each in text.split(","))


def bytes_of(text: str) -> int:
    """Return how many bytes are meant by 1000, 2MB or 2GiB. Raises ValueError."""
    if (found := _BYTES.fullmatch(text)) is None:
        raise ValueError(f"{text} is no number of bytes, as 2000000000 or 2GiB")
    number, power, is_binary = found.groups()
    return int(number) * int((1024 if is_binary else 1000) ** (1 + "KMGT".index(power) if power else 0))


_OWN: dict[str, Callable[[str], Any]] = {
    "nets": patterns_of,
    "rate_requests": float,
    "rate_ticks": float,
    "max_nets": int,
    "max_bytes": bytes_of,
}
EVERYTHING = Share()
