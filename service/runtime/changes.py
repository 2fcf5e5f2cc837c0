"""Change the live net, and have it explain itself: what one asks of it beside inputs and generations."""

import asyncio

from realnet.core.dendrite_memory import WORDS
from realnet.dendrites.explain import Explanation
from service.engine.commands import Change, Explain, Resize, SetPace
from service.engine.sessions import Forget
from service.errors import Conflict, ErrorLocation, Invalid
from service.runtime.runtime import Runtime
from service.telemetry.memory import free_bytes

_LINE_BYTES = 4 * WORDS


async def configure(
    runtime: Runtime,
    *,
    learning_rate: float | None = None,
    plasticity: bool | None = None,
    paused: bool | None = None,
    tick_hz: float | None = None,
    self_loop: bool | None = None,
) -> None:
    """Change settings of the live net; None leaves one as it is. Raises Refused."""
    if self_loop and runtime.interface.vocabulary is None:
        raise Conflict("a net of raw frames has no tokens to think in")
    if (learning_rate, plasticity, paused) != (None, None, None):
        durable = asyncio.get_running_loop().create_future()
        runtime.inbox.put(Change(learning_rate, plasticity, paused, journalled=durable))
        await durable
    if (tick_hz, self_loop) != (None, None):
        await runtime.engine.ask(SetPace(tick_hz=tick_hz, self_loop=self_loop))


async def grow(runtime: Runtime, lines: int | None, contexts: list[str]) -> None:
    """Give the net room for so many lines, and dendrites for more contexts, between two ticks.

    Raises Conflict for what this net, or the memory of this machine, cannot become; or Refused.
    """
    free, needed = free_bytes(), _LINE_BYTES * (lines or 0)
    if free is not None and needed > free:
        raise Conflict(f"{lines} lines take {needed >> 20} MiB, and {free >> 20} MiB are free")
    await runtime.engine.ask(Resize(lines, contexts))


async def shrink(runtime: Runtime, lines: int) -> None:
    """Have the net go on with so many lines, those that were used most. Raises Conflict or Refused."""
    await runtime.engine.ask(Resize(lines, shrinks=True))


async def forget(runtime: Runtime, session: str) -> None:
    """Forget a session. Raises NotFound or Refused."""
    await runtime.engine.ask(Forget(session))


async def explain(runtime: Runtime, context: str, fresh: bool, session: str | None = None) -> Explanation:
    """Return why the net expects what it does after a context.

    Raises Conflict for a net that cannot tell, Invalid for a context that is none of its tokens.
    """
    vocabulary = runtime.interface.vocabulary
    explained = None
    if vocabulary is not None:
        try:
            tokens = vocabulary.encode(context)
        except ValueError as error:
            raise Invalid([ErrorLocation(detail=str(error), parameter="context")]) from error
        explained = await runtime.engine.ask(Explain(tokens, fresh, session))
    if explained is None:
        raise Conflict("only a net of dendrites can tell why, and no compact one")
    return explained
