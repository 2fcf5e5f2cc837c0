"""The streams that learners are measured on: what every Debian machine with a Python has, and files by name."""

import sysconfig
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.text import topics_text

STRETCH = 40_000  # bytes of a short stream
MOST = 300_000  # bytes of a long one

_LICENCES = Path("/usr/share/common-licenses")


def stream(name: str) -> bytes:
    """Return a stream by its name, or what is in the file of this name. Raises OSError, ValueError if it is empty."""
    text = topics_text().encode()
    made: dict[str, Callable[[], bytes]] = {
        "p0": lambda: text[:STRETCH],
        "p200": lambda: text[200_000:][:STRETCH],
        "p320": lambda: text[320_000:][:STRETCH],
        "topics": lambda: text,
        "licences": lambda: _joined(path for path in _LICENCES.iterdir() if not path.is_symlink()),
        "python": lambda: source()[:MOST],
        "csv": _csv,
        "binary": lambda: Path("/bin/bash").read_bytes()[:MOST],
    }
    found = made[name]() if name in made else Path(name).read_bytes()[:MOST]
    if not found:
        raise ValueError(f"the stream {name} is empty")
    return found


NAMES = ("p0", "p200", "p320", "topics", "licences", "python", "csv", "binary")


def source() -> bytes:
    """Return the source of Python's own library."""
    return _joined(Path(sysconfig.get_path("stdlib")).glob("*.py"))


def _joined(paths: Iterable[Path]) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(paths))


def _csv() -> bytes:
    import sklearn

    return (Path(sklearn.__file__).parent / "datasets" / "data" / "breast_cancer.csv").read_bytes()
