"""What suits each preset."""

from __future__ import annotations

from typing import Any

from realnet.core.state import PRESETS, Preset

_DEFAULTS: dict[str, tuple[float, dict[str, float]]] = {
    "literal": (1e-3, {}),
    "manifesto": (3.0, {"kappa": 1.0}),
    "surprise": (3.0, {"kappa": 0.02}),
}
_CLAMP_LEARNING_RATE = 0.5  # of teachers that need not share 1


def of_preset(preset: Preset, readout: str) -> tuple[float, dict[str, Any]]:
    """Return a preset's learning rate and those of its constants that are its own. Raises ValueError."""
    if preset not in PRESETS:
        raise ValueError(f"preset is {preset!r}, must be one of {', '.join(PRESETS)}")
    rate, constants = _DEFAULTS[preset]
    return _CLAMP_LEARNING_RATE if readout == "clamp" and preset != "literal" else rate, constants
