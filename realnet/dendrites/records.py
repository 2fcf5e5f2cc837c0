"""Records of one length, as tables in binary files have: where a token stands in its record.

The length is found by votes. A token that comes twice in a row at the same distance, and for at least `_SPAN` tokens,
votes for that distance, and against any other. Prose has no records, and no context of them either: a length that is
wrong would only take up lines.
"""

from __future__ import annotations

import numpy as np

from realnet.core._numba import exact_inlined_kernel
from realnet.dendrites.reader import Reader, back

_LONGEST, _SPAN = np.uint64(255), np.uint64(8)
_ENOUGH, _MOST = np.uint64(4), np.uint64(15)  # votes
_LAST, _DISTANCE, _BEGUN = range(3)


@exact_inlined_kernel
def name_record(reader: Reader) -> np.uint64:
    """Return the name of the place in a record; only for a reader that looks for records."""
    length = reader.record[0].length
    if reader.record[0].votes < _ENOUGH or length == np.uint64(0):  # the latter only in a forged snapshot
        return np.uint64(0)
    above = back(reader, length) + np.uint64(1)
    return np.uint64(above << np.uint64(16) | (reader.text[0].seen % length) << np.uint64(8) | length)


@exact_inlined_kernel
def read_record_(reader: Reader, token: int) -> None:
    """Take a token into the mind, when `reader.text` counts it already."""
    record, here = reader.record[0], reader.text[0].seen
    last = reader.comings[_LAST, token]
    reader.comings[_LAST, token] = here
    if last == np.uint64(0):
        return
    distance = here - last
    if distance != reader.comings[_DISTANCE, token]:
        reader.comings[_DISTANCE, token], reader.comings[_BEGUN, token] = distance, last
    elif distance > np.uint64(1) and distance <= _LONGEST and here - reader.comings[_BEGUN, token] >= _SPAN:
        if distance == record.length:
            record.votes = min(record.votes + np.uint64(1), _MOST)
        elif record.votes > np.uint64(0):
            record.votes -= np.uint64(1)
        else:
            record.length, record.votes = distance, np.uint64(1)
