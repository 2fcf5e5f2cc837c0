"""Recognise inputs that are sent again under the same Idempotency-Key, so that they are learnt once."""

import time

from service.api.senders import Senders, check_content
from service.engine.commands import Run, Sender
from service.errors import Conflict, ErrorLocation
from service.replica.senders import Learnt
from service.streams.commands import Observe

_ANOTHER = ErrorLocation(detail="it was used for another body", parameter="Idempotency-Key")


class IdempotencyKeys(Senders):
    """All keys, each good for one input."""

    kind = "Idempotency-Keys"

    def begin(self, space: str, key: str, command: Run | Observe, digest: str) -> Learnt | None:
        """Return what a command was learnt as before, or None if it is new and is to be put into the inbox.

        `digest` is of its content. Raises Conflict while it is on its way, Invalid if the key was used for something
        else, and Limited if the caller has as many keys as may be remembered.
        """
        name = space + key
        learnt, running = self.learnt(space, name), self.on_its_way(space, name)
        check_content(learnt.digest if learnt is not None else running or "", digest, _ANOTHER)
        if learnt is not None:
            return learnt
        if running is not None:
            raise Conflict("the same input is being learnt: ask again when it has been")
        self.admit(space, name, digest, command.reply)
        command.sender = Sender(key=name, digest=digest, at=time.time(), space=space)
        return None
