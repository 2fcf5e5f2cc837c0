"""Have rows of a stream told and learnt, and change what a person may choose of it."""

import asyncio

from service.engine.commands import NOBODY, Sender
from service.errors import Refused
from service.journal.records import StreamRecord
from service.runtime.runtime import Runtime
from service.streams.applying import located
from service.streams.commands import ChangeStream, Observe
from service.streams.rows import Kind, Observed, Row


async def observe(
    runtime: Runtime, stream: str, kind: Kind, rows: list[Row], learn: bool = True, sender: Sender = NOBODY
) -> Observed:
    """Tell of rows, at least one, and learn them; the stream is made by its first. Done when they are told.

    Whoever is cancelled meanwhile does not know whether they are. Raises Invalid at `/rows/…`, or another Refused.
    """
    command = Observe(stream, kind, rows, learn, sender)
    submit(runtime, command)
    return await asyncio.shield(command.reply)


async def change(runtime: Runtime, record: StreamRecord) -> None:
    """Do what a person wants of a stream. Raises Conflict for what cannot be, or another Refused."""
    command = ChangeStream(record)
    submit(runtime, command)
    await asyncio.shield(command.reply)


async def became_before(runtime: Runtime, stream: str, record: int, count: int) -> Observed:
    """Return what became of rows of an earlier record, with what of it is still kept. Raises Invalid as then."""
    try:
        became = (await runtime.streams.read(stream)).answer(record)
    except ValueError as error:
        raise located(error) from error
    return became or Observed(0, count, [])


def submit(runtime: Runtime, command: Observe | ChangeStream) -> None:
    """Take a command now, or raise Refused; its reply, which nobody may cancel, says what becomes of it."""
    runtime.streams.admit(command)
    try:
        runtime.inbox.put(command)
    except Refused:
        command.reply.cancel()
        raise
