"""What a job has the net live through, from nothing in mind: tokens, or frames and teachers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.journal.records import EpisodeRecord, packed_tokens, unpacked_tokens


@dataclass(slots=True, frozen=True, eq=False)
class Episode:
    """Tokens, of which the first `given` only lead up to the others; or as many frames as teachers."""

    tokens: NDArray[np.int32] | None = None
    given: int = 0
    frames: NDArray[np.float32] | None = None
    teachers: NDArray[np.float32] | None = None

    @property
    def ticks(self) -> int:
        told = self.frames if self.tokens is None else self.tokens
        assert told is not None
        return len(told)


def packed(episodes: Sequence[Episode]) -> dict[str, Any]:
    """The fields of a record that hold them."""
    fields: dict[str, Any] = {
        "ticks": sum(episode.ticks for episode in episodes),
        "lengths": np.array([episode.ticks for episode in episodes], np.uint32).tobytes(),
        "given": np.array([episode.given for episode in episodes], np.uint32).tobytes(),
    }
    if episodes[0].tokens is not None:
        return fields | {"tokens": packed_tokens(np.concatenate([each.tokens for each in episodes]))}
    for name in ("frames", "teachers"):
        fields[name] = b"".join(getattr(each, name).tobytes() for each in episodes)
    return fields


def unpacked(record: EpisodeRecord, inputs: int, outputs: int) -> list[Episode]:
    """`inputs` and `outputs` are the widths of the net's frames and teachers."""
    lengths, given = (np.frombuffer(each, np.uint32).tolist() for each in (record.lengths, record.given))
    starts = np.cumsum(lengths)[:-1]
    if record.tokens is not None:
        tokens = np.split(unpacked_tokens(record.tokens, record.ticks), starts)
        return [Episode(part, lead) for part, lead in zip(tokens, given, strict=True)]
    frames, teachers = (
        np.split(np.frombuffer(data or b"", np.float32).reshape(record.ticks, width), starts)
        for data, width in ((record.frames, inputs), (record.teachers, outputs))
    )
    return [Episode(frames=shown, teachers=wanted) for shown, wanted in zip(frames, teachers, strict=True)]
