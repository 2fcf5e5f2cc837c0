"""The queue into the engine: bounded by the ticks that wait, safe between the event loop and the engine's thread."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from service.auth.places import Places
from service.engine.commands import Command, JournalledCommand, Run
from service.engine.generate import Generate
from service.errors import NotReady, Overloaded, Refused


class Inbox:
    """Commands without ticks overtake those with; of each kind the first come is the first taken.

    At most `capacity` ticks are queued or being run, and at most `generations` generations.
    """

    def __init__(self, capacity: int, generations: int) -> None:
        self.capacity = capacity
        self._generations = Places(generations, "generations")  # the loop's
        self._depth = 0
        self.accepted = 0  # ticks, of all inputs ever
        self._asked: deque[Command[Any]] = deque()
        self._runs: deque[Run] = deque()
        self.on_change: Callable[[], None] = lambda: None  # wakes the engine
        self._lock = threading.Lock()
        self._closed: Exception | None = None
        self.refusal: Refused | None = None  # of what would be learnt …
        self.ready = True  # … and, until then, of everything, …
        self.why_not = "the journal is being read, GET /readyz tells how far"  # … which says so
        self._waiting: deque[tuple[Run, asyncio.Future[None]]] = deque()  # the loop's; first come, first admitted

    @property
    def depth(self) -> int:
        """Return the ticks that were accepted and not yet run."""
        return self._depth

    # On the event loop:

    def put(self, command: Command[Any], space: str = "") -> None:
        """Queue a command for the engine; a generation holds one of its caller's places until its reply is there.

        Raises Overloaded where there is no room now, Limited where the caller of that `space` has its share,
        EngineStopped once the engine has ended, NotReady while the journal is being read, and what `refuse` was given
        for what would change the net.
        """
        with self._lock:
            if self._closed is not None:
                raise self._closed
            if not self.ready:
                raise NotReady(self.why_not)
            if self.refusal is not None and isinstance(command, JournalledCommand):
                raise type(self.refusal)(str(self.refusal))
            if isinstance(command, Run):
                if self._depth + command.ticks > self.capacity:
                    raise Overloaded(f"{self._depth} ticks are queued, and {self.capacity} may be")
                self._depth += command.ticks
                self.accepted += command.ticks
                self._runs.append(command)
            else:
                if isinstance(command, Generate):
                    self._generations.take(space)
                    command.reply.add_done_callback(lambda _: self._generations.release(space))
                self._asked.append(command)
        self.on_change()

    def enter(self, run: Run) -> "asyncio.Future[None]":
        """Queue an input as soon as there is room, in turn. The future is done when it is in, or refused."""
        entered = asyncio.get_running_loop().create_future()
        if run.ticks > self.capacity:
            run.reply.set_exception(Overloaded(f"{run.ticks} ticks at once, and {self.capacity} may be queued"))
            entered.set_result(None)
        else:
            self._waiting.append((run, entered))
            self.admit()
        return entered

    async def emptied(self) -> None:
        """Wait until all that was accepted has been run."""
        while self._depth and self._closed is None:
            await asyncio.sleep(0.01)

    def admit(self) -> None:
        """Queue the inputs that wait, as far as there is room; called when there may be more."""
        while self._waiting:
            run, entered = self._waiting[0]
            try:
                self.put(run)
            except Overloaded:
                return
            except Refused as error:
                run.reply.set_exception(error)
            self._waiting.popleft()
            entered.set_result(None)

    # On the engine's thread:

    def take(self) -> list[Command[Any]]:
        """Take all commands, first those without ticks."""
        with self._lock:
            taken = [*self._asked, *self._runs]
            self._asked.clear()
            self._runs.clear()
        return taken

    def release(self, ticks: int) -> None:
        """Make room: these ticks have been run."""
        with self._lock:
            self._depth -= ticks

    # On any thread:

    def refuse(self, why: Refused | None) -> None:
        """Refuse, from now on, every command that would change the net; None ends that."""
        with self._lock:
            self.refusal = why

    def wake(self) -> None:
        """Have the engine look up, though no command has come."""
        self.on_change()

    def close(self, error: Exception) -> list[Command[Any]]:
        """Refuse everything from now on with `error`, and return what nobody will take any more."""
        with self._lock:
            self._closed = error
            left = [*self._asked, *self._runs]
            self._asked.clear()
            self._runs.clear()
            self._depth = 0
        return left
