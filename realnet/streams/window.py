"""The last numbers of a row of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Window:
    """The last so many numbers."""

    numbers: list[float]
    seen: float = 0.0

    @classmethod
    def of(cls, size: int) -> Window:
        return cls([0.0] * size)

    def add(self, number: float) -> None:
        """Put a number in the place of the oldest."""
        self.numbers[int(self.seen) % len(self.numbers)] = number
        self.seen += 1

    @property
    def count(self) -> int:
        return min(int(self.seen), len(self.numbers))

    @property
    def mean(self) -> float:
        """Return the mean of those that there are; there must be one."""
        return sum(self.numbers) / self.count

    @property
    def in_order(self) -> list[float]:
        """Return them, oldest first."""
        if self.count < len(self.numbers):
            return self.numbers[: self.count]
        at = int(self.seen) % len(self.numbers)
        return self.numbers[at:] + self.numbers[:at]

    def fill(self, number: float) -> None:
        """Begin anew with one number in every place."""
        self.numbers = [number] * len(self.numbers)
        self.seen = float(len(self.numbers))

    def clear(self) -> None:
        """Begin anew with none."""
        self.numbers, self.seen = [0.0] * len(self.numbers), 0.0

    def mean_with(self, number: float) -> float:
        """Return the mean once the next number has come."""
        return (self._others + number) / min(int(self.seen) + 1, len(self.numbers))

    def needed(self, mean: float) -> float:
        """Return the next number that makes the mean so large."""
        return mean * min(int(self.seen) + 1, len(self.numbers)) - self._others

    @property
    def _others(self) -> float:
        leaves = self.numbers[int(self.seen) % len(self.numbers)]  # 0 as long as there is room
        return sum(self.numbers) - leaves
