"""Say how far into the journal a state of the net is."""

import msgspec


class JournalPosition(msgspec.Struct, frozen=True, array_like=True):
    """How far into the journal a state of the net is: after record `seq`, and `done` ticks of record `half`."""

    seq: int
    half: int = 0
    done: int = 0
