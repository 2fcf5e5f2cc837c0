"""How nets and learners show themselves: one line in a terminal, a table in a notebook."""

from __future__ import annotations

from abc import ABC, abstractmethod
from html import escape


class Shown(ABC):
    """Something that shows itself by the same facts everywhere."""

    @abstractmethod
    def facts(self) -> dict[str, str]:
        """Return what it is, how large, how long it has lived and how well it does: by name, for people to read."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(f'{name} {fact}' for name, fact in self.facts().items())}>"

    def _repr_html_(self) -> str:
        left = "style='text-align: left'"
        rows = (
            f"<tr><th {left}>{escape(name)}</th><td {left}>{escape(fact)}</td></tr>"
            for name, fact in self.facts().items()
        )
        return f"<table><caption>{type(self).__name__}</caption><tbody>{''.join(rows)}</tbody></table>"


def shown_rate(learning_rate: float, read_only: bool) -> str:
    return "none, a fork only reads" if read_only else f"{learning_rate:g}"
