"""What a new net is created from."""

from typing import Any

Birth = dict[str, int | str | None]


def birth_of(settings: Any) -> Birth:
    names = ("preset", "neurons", "seed", "inputs", "outputs")
    return {name: getattr(settings, name) for name in names}
