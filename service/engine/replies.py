"""Tell whoever waits for an entry what has become of it."""

from typing import Any

from service.engine.commands import Change, Command, Dream, JournalledCommand, Ran, Run
from service.engine.inbox import Inbox
from service.engine.outbox import Outbox
from service.engine.sessions import Forget
from service.errors import Conflict, NotFound
from service.journal.records import ObservedRecord
from service.replica.entry import Entry


def is_run(entry: Entry) -> bool:
    """Return whether an entry is one or more inputs that came by the inbox."""
    return isinstance(entry.parts[0].waiter, Run)


class Replies:
    """Answers commands, from the engine's thread: the outbox delivers on the loop."""

    def __init__(self, inbox: Inbox, outbox: Outbox) -> None:
        self._inbox = inbox
        self._outbox = outbox

    def journalled(self, entry: Entry) -> None:
        """Say that an entry's record is durable."""
        for each in entry.parts:
            if isinstance(each.waiter, JournalledCommand) and each.waiter.journalled is not None:
                self._outbox.resolve(each.waiter.journalled, None)

    def applied(self, entry: Entry, tick: int) -> None:
        """Say that an entry has been applied, and the net is at `tick`."""
        if isinstance(entry.record, ObservedRecord):
            return  # whoever has its stream answers
        for each in entry.parts:
            self._applied(each, tick)

    def _applied(self, entry: Entry, tick: int) -> None:
        match entry.waiter:
            case Forget(reply=reply) if entry.refused is not None:
                self._outbox.fail(reply, NotFound(entry.refused))
            case Command(reply=reply) if entry.refused is not None:
                self._outbox.fail(reply, Conflict(entry.refused))
            case Run(reply=reply) | Dream(reply=reply):
                first, last = entry.outputs[0].tick[0], entry.outputs[-1].tick[-1]
                self._outbox.resolve(reply, Ran(int(first), int(last), entry.outputs))
            case Change(reply=reply):
                self._outbox.resolve(reply, None)
            case Command(reply=reply):
                self._outbox.resolve(reply, tick)

    def dropped(self, entry: Entry, why: Exception) -> None:
        """Say that an entry will not be applied."""
        if is_run(entry):
            self._inbox.release(entry.left)
        for each in entry.parts:
            self.refuse(each.waiter, why)

    def not_taken(self, command: Command[Any], why: Exception) -> None:
        """Say that a command, which is no entry yet, will not be one."""
        if isinstance(command, Run):
            self._inbox.release(command.ticks)
        self.refuse(command, why)

    def refuse(self, waiter: object, why: Exception) -> None:
        """Fail a command; anything else waits for nothing."""
        if isinstance(waiter, JournalledCommand) and waiter.journalled is not None:
            self._outbox.fail(waiter.journalled, why)
        if isinstance(waiter, Command):
            self._outbox.fail(waiter.reply, why)
