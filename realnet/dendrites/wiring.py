"""Which contexts, recalls and gates a net of dendrites has: three settings of one core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from realnet.core.checks import is_whole
from realnet.core.dendrite_memory import FIRST, GIVEN, GIVEN_BIT, NODE, RECALL, STEP, SURE
from realnet.dendrites.syntax import FAR_WORDS, SYNTAX_CONTEXTS
from realnet.dendrites.text import CONTEXTS, GATES, MAPS, PLAIN

Variant: TypeAlias = Literal["fast", "standard", "large"]
Compact: TypeAlias = Literal["compact"]
AnyVariant: TypeAlias = Variant | Compact
COMPACT: Compact = "compact"
_RECALLS = 3  # at most: so many have their columns among the gains
_WITH_BIT = ("classes", "field")  # gates that have a row for each decision of a symbol


class Recall(NamedTuple):
    """At least `least` tokens have to agree; a `forgiving` one goes on after a miss."""

    least: int
    forgiving: bool


@dataclass(frozen=True, slots=True)
class Wiring:
    """What a net is made of. The names are those of `realnet.dendrites.text`.

    Attributes:
        contexts: one dendrite each; of those it was born with orders first, and rising.
        recalls: at most three.
        somata: the gates of each: `node`, `sure`, `recall 1` to `recall 3`, or one that the encoder gives.
        maps: by what each output map is chosen.
        beliefs: each dendrite has a fourth input: what came true of what its synapses say, by their uses.
        grown: how many of the contexts, the last, were taken on in mid-life.
        mixes: gates by whose rows the somata are mixed as well, each by itself, beside the mix by decision.
        slow: rates of gains fall to lower floors.
        answers: of how many of a synapse's last answers its beliefs are as well, at most 7.

    Raises ValueError for what is no wiring.
    """

    contexts: tuple[str, ...]
    recalls: tuple[Recall, ...]
    somata: tuple[tuple[str, ...], ...]
    maps: tuple[str, ...]
    beliefs: bool = False
    grown: int = 0
    mixes: tuple[str, ...] = ()
    slow: bool = False
    answers: int = 0

    def __post_init__(self) -> None:
        named = [("context", each, CONTEXTS) for each in self.contexts]
        named += [("gate", each, GATES) for each in self.given]
        named += [("map", each, MAPS) for each in self.maps]
        for what, name, known in named:
            if name not in known:
                raise ValueError(f"there is no {what} {name!r}")
        known_gates = {gate for soma in self.somata for gate in soma}
        if len(set(self.mixes)) < len(self.mixes) or not known_gates.issuperset(self.mixes):
            raise ValueError("somata are mixed by gates that they have, each once")
        if not is_whole(self.answers) or not 0 <= self.answers <= 7:
            raise ValueError("beliefs are of 0 to 7 answers")
        if not is_whole(self.grown) or not 0 <= self.grown < max(len(self.contexts), 1):
            raise ValueError("a net has contexts that it was born with")
        born = self.contexts[: len(self.contexts) - self.grown]
        orders = [CONTEXTS[each] for each in born if each.startswith("order")]
        if orders != sorted(orders) or [CONTEXTS[each] for each in born[: len(orders)]] != orders:
            raise ValueError("contexts begin with the orders, which rise")
        if not self.contexts or len(set(self.contexts)) < len(self.contexts) or not all(self.somata):
            raise ValueError("a net has contexts, each once, and each soma has gates")
        if not 1 <= len(self.recalls) <= _RECALLS or not all(
            is_whole(each.least) and 1 <= each.least <= 64 and isinstance(each.forgiving, bool) for each in self.recalls
        ):
            raise ValueError(f"a net has 1 to {_RECALLS} recalls, of at least 1 to 64 tokens")

    @property
    def given(self) -> tuple[str, ...]:
        """Return the gates that the encoder gives, each once."""
        gates = dict.fromkeys(gate for soma in self.somata for gate in soma)
        others = ("node", "sure", *self._recall_gates)
        return tuple(each for each in gates if each not in others)

    @property
    def has_syntax(self) -> bool:
        """Return whether any context or map is of the syntax of a text."""
        return any(each in SYNTAX_CONTEXTS or each == "field above" for each in (*self.contexts, *self.maps))

    @property
    def has_records(self) -> bool:
        """Return whether any context is of records of one length."""
        return "record" in self.contexts

    @property
    def has_far_words(self) -> bool:
        """Return whether any context is of the third last word."""
        return FAR_WORDS in self.contexts

    @property
    def of_text(self) -> list[str]:
        """Return what of it is of bytes of text; all else is of any tokens."""
        return [each for each in (*self.contexts, *self.given, *self.maps) if each not in PLAIN]

    def check(self, symbols: int) -> None:
        """Raise ValueError if a net of this wiring cannot have so many symbols."""
        if not is_whole(symbols) or not 2 <= symbols <= 2**16:
            raise ValueError(f"symbols is {symbols}, must be from 2 to {2**16}")
        if self.of_text and symbols != 256:
            raise ValueError(f"{self.of_text[0]!r} is of bytes of text, and there are {symbols} symbols")

    def with_more(self, contexts: Sequence[str]) -> Wiring:
        """Return the same with dendrites for more contexts. Raises ValueError."""
        known = next((each for each in contexts if each in self.contexts), None)
        if known is not None:
            raise ValueError(f"{known!r} is one of its contexts already")
        return replace(self, contexts=(*self.contexts, *contexts), grown=self.grown + len(contexts))

    def plain(self) -> Wiring:
        """Return the same without what is of text."""

        def left(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(each for each in names if each not in self.of_text)

        return replace(
            self,
            contexts=left(self.contexts),
            somata=tuple(left(each) for each in self.somata),
            maps=left(self.maps),
            mixes=left(self.mixes),
        )

    @property
    def _recall_gates(self) -> tuple[str, ...]:
        return tuple(f"recall {number + 1}" for number in range(len(self.recalls)))

    @property
    def gates(self) -> NDArray[np.int64]:
        """Return (G, 4): soma, kind and number of each gate, and 1 where somata are mixed by it, else 0."""
        names = [(j, name) for j, soma in enumerate(self.somata) for name in soma]
        first = {name: g for g, (_, name) in reversed(list(enumerate(names)))}
        mixed = [first[name] for name in self.mixes]
        return np.array([(j, *self._gate(name), int(g in mixed)) for g, (j, name) in enumerate(names)])

    def _gate(self, name: str) -> tuple[int, int]:
        if name == "node":
            return NODE, 0
        if name == "sure":
            return SURE, 0
        if name in self._recall_gates:
            return RECALL, self._recall_gates.index(name)
        return GIVEN_BIT if name in _WITH_BIT else GIVEN, self.given.index(name)

    @property
    def columns(self) -> int:
        """Return the columns of the gains, a multiple of 8."""
        return -(-(FIRST + (STEP + self.beliefs) * len(self.contexts)) // 8) * 8

    @property
    def variant(self) -> Variant | None:
        """Return which of the variants this is, for text or for other tokens; None if it is another."""
        return next((name for name, wiring in VARIANTS.items() if self in (wiring, wiring.plain())), None)

    def to_json(self) -> dict[str, Any]:
        return {
            "contexts": list(self.contexts),
            "recalls": [list(each) for each in self.recalls],
            "somata": [list(each) for each in self.somata],
            "maps": list(self.maps),
            **({"beliefs": True} if self.beliefs else {}),
            **({"grown": self.grown} if self.grown else {}),
            **({"mixes": list(self.mixes)} if self.mixes else {}),
            **({"slow": True} if self.slow else {}),
            **({"answers": self.answers} if self.answers else {}),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Wiring:
        """Raises ValueError, KeyError or TypeError."""
        return cls(
            tuple(value["contexts"]),
            tuple(Recall(*each) for each in value["recalls"]),
            tuple(tuple(each) for each in value["somata"]),
            tuple(value["maps"]),
            value.get("beliefs", False),
            value.get("grown", 0),
            tuple(value.get("mixes", ())),
            value.get("slow", False),
            value.get("answers", 0),
        )


_ORDERS = ("order 0", "order 1", "order 2", "order 3", "order 4", "order 6")
_WIDE = ("node", "recall 1", "last", "sure", "classes")
_TWO_SOMATA = ((*_WIDE, "recall 2"), ("node", "expected", "field", "last but one", "column", "three classes"))
_TWO_RECALLS = (Recall(6, forgiving=False), Recall(12, forgiving=True))

VARIANTS: dict[Variant, Wiring] = {
    "fast": Wiring(
        contexts=(*_ORDERS, "word", "words", "skip", "column"),
        recalls=(Recall(6, forgiving=False),),
        somata=(_WIDE,),
        maps=("last", "last two"),
    ),
    "standard": Wiring(
        contexts=(
            *(*_ORDERS, "word", "words", "column", "line"),
            *("indent", "lines", "shape, expected", "shape, place", "skip two", "record"),
        ),
        recalls=_TWO_RECALLS,
        somata=_TWO_SOMATA,
        maps=("last", "last two"),
    ),
    "large": Wiring(
        contexts=(
            *("order 0", "order 1", "order 2", "order 3", "order 4", "order 5", "order 6", "order 8"),
            *("word", "words", "skip", "column", "words apart", "line", "shape", "indent", "identifiers", "followed"),
            *("marks", "marks, identifier", "indent, last", "lines", "line shape", "kinds"),
            *("shape, expected", "shape, place", "skip two", "record", "last two, expected", FAR_WORDS),
        ),
        recalls=(*_TWO_RECALLS, Recall(20, forgiving=True)),
        somata=_TWO_SOMATA,
        maps=("last", "last two", "expected", "field above"),
        beliefs=True,
        mixes=("recall 2", "last", "three classes"),
        slow=True,
        answers=2,
    ),
}


def wiring_of(variant: str) -> Wiring:
    """Return the wiring of a variant. Raises ValueError if there is none."""
    found = next((wiring for name, wiring in VARIANTS.items() if name == variant), None)
    if found is None:
        raise ValueError(f"variant is {variant!r}, must be one of {', '.join((*VARIANTS, COMPACT))}")
    return found
