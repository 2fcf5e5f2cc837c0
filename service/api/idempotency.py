"""Recognise inputs that are sent again under the same Idempotency-Key, so that they are learnt once."""

import hashlib
import time

from service.engine.commands import Run, Sender
from service.errors import Conflict, ErrorLocation, Invalid
from service.replica.progress import Learnt, Progress


class IdempotencyKeys:
    """The keys of inputs that are still being learnt; `Progress` has those that have been. On the loop."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._running: dict[str, str] = {}  # digests

    def begin(self, key: str, run: Run) -> Learnt | None:
        """Return what an input was learnt as before, or None if it is new and is to be put into the inbox.

        Raises Conflict while it is on its way, and Invalid if the key was used for something else.
        """
        digest = _digest(run)
        learnt = self._progress.by_key(key)
        known = learnt.digest if learnt is not None else self._running.get(key)
        if known is not None and known != digest:
            raise Invalid([ErrorLocation(detail="it was used for another body", parameter="Idempotency-Key")])
        if learnt is not None:
            return learnt
        if known is not None:
            raise Conflict("the same input is being learnt: ask again when it has been")
        run.sender = Sender(key=key, digest=digest, at=time.time())
        self._running[key] = digest
        run.reply.add_done_callback(lambda _: self._running.pop(key, None))
        return None


def _digest(run: Run) -> str:
    digest = hashlib.sha256(b"learn" if run.learn else b"run")
    for array in (run.given.tokens, run.given.frames, run.given.teachers):
        digest.update(b"-" if array is None else repr(array.shape).encode() + array.tobytes())
    return digest.hexdigest()[:32]
