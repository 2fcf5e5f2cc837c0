"""Count how well a stream was predicted, each token before it was learnt."""

from collections import deque
from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from realnet.client import Outputs

_MOVING = 2000  # tokens that the moving figures are about


class Tally:
    """Accuracy and surprise of the outputs that were added, over all of them and over the last."""

    def __init__(self) -> None:
        self.tokens = 0
        self._judged = 0  # tokens whose likeliest was computed, too
        self._hits = 0
        self._bits = 0.0
        self._recent_hits, self._recent_bits = deque[bool](maxlen=_MOVING), deque[float](maxlen=_MOVING)

    def add(self, outputs: "Outputs") -> None:
        if outputs.predicted is not None:
            hits = outputs.predicted == outputs.token
            self._judged += len(hits)
            self._hits += int(hits.sum())
            self._recent_hits.extend(hits[-_MOVING:].tolist())
        if outputs.surprise is not None:
            self._bits += float(outputs.surprise.sum(dtype="float64"))
            self._recent_bits.extend(outputs.surprise[-_MOVING:].tolist())
            self.tokens += outputs.count

    def moving(self) -> str:
        if not self.tokens:
            return ""
        return _figures(fmean(self._recent_hits) if self._judged else None, fmean(self._recent_bits))

    def summary(self) -> str:
        whole = _figures(self._hits / self._judged if self._judged else None, self._bits / self.tokens)
        return f"{whole} (over the last {len(self._recent_bits):,}: {self.moving()})"


def _figures(accuracy: float | None, surprise: float) -> str:
    shown = f"surprise {surprise:.2f} bits"
    return shown if accuracy is None else f"accuracy {accuracy:.3f}, {shown}"
