"""The generations that run, on forks of the net: a few tokens of each in every step of the engine."""

from realnet import Generator
from realnet.learners import Learner
from service.engine.commands import Generate, Generation
from service.engine.outbox import Outbox
from service.errors import Conflict

_AT_ONCE = 8


class Generations:
    """Runs generations, a few tokens of each at a time. On the engine's thread."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._running: list[tuple[Generate, Generator, Generation]] = []

    def __len__(self) -> int:
        return len(self._running)

    def begin(self, command: Generate, learner: Learner) -> None:
        if learner.interface.vocabulary is None:
            self._outbox.fail(command.reply, Conflict("a net of raw frames has no tokens to generate"))
            return
        generator = learner.generator(command.prompt, command.temperature, command.seed, command.fresh, command.adapts)
        self._running.append((command, generator, Generation([], learner.net.tick, "length")))

    def go_on(self) -> None:
        going_on = []
        for command, generator, generated in self._running:
            if not command.cancelled:
                tokens = generator.step(min(command.max_tokens - len(generated.tokens), _AT_ONCE))
                generated.tokens.extend(tokens)
                if command.stream is not None and tokens:  # none while the prompt is read
                    self._outbox.call_soon(command.stream.put_nowait, tokens)
            if command.cancelled or len(generated.tokens) == command.max_tokens:
                self._outbox.resolve(command.reply, generated)
            else:
                going_on.append((command, generator, generated))
        self._running = going_on

    def end(self, why: Exception) -> None:
        for command, *_ in self._running:
            self._outbox.fail(command.reply, why)
