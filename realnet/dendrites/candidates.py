"""The wirings that a net of dendrites tries in its sleep."""

from __future__ import annotations

from dataclasses import replace

from realnet.dendrites.wiring import VARIANTS, Wiring

_ORDERS = ("order 0", "order 1", "order 2", "order 3", "order 4", "order 6")
_CONTEXTS = {
    "prose": (*_ORDERS[:5], "order 5", "order 6", "word", "words", "skip", "column"),
    "logs": (*_ORDERS, "word", "column", "line", "lines", "shape, expected"),
    "source": (*_ORDERS, "word", "column", "indent", "shape, expected", "shape, place"),
    "wide": (
        *(*_ORDERS[:5], "order 5", "order 6", "order 8", "word", "words", "skip", "column"),
        *("line", "indent", "lines", "shape, expected", "shape, place"),
    ),
    "orders": (*(f"order {k}" for k in range(9)), "skip"),
}

CANDIDATES: dict[str, Wiring] = {  # without `large`: nobody is to wake three times slower
    "fast": VARIANTS["fast"],
    "standard": VARIANTS["standard"],
    **{name: replace(VARIANTS["standard"], contexts=contexts) for name, contexts in _CONTEXTS.items()},
}


def candidates(present: Wiring) -> dict[str, Wiring]:
    """Return what a net of this wiring tries, by name, its own first and each once."""
    of_text = bool(present.of_text)
    tried = {"present": present}
    for name, wiring in CANDIDATES.items():
        known = wiring if of_text else wiring.plain()
        if known not in tried.values():
            tried[name] = known
    return tried
