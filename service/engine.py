"""The thread that owns the net: take what was asked, run, publish. Nobody else touches it."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from realnet import FrameLearner, Generator, TokenLearner
from service.commands import Batch, Clone, Command, Configure, Generate, Generated, Learner, Ran, Restore, Run
from service.inbox import Inbox
from service.modes import Mode, Pace
from service.outbox import Outbox
from service.outputs import Outputs
from service.problems import Conflict, EngineStopped, Invalid, Place
from service.status import Shape, Status

_SLICE_TICKS = 1024  # run at once, at most …
_FIRST_SLICE = 64
_SLICE_SECONDS = 0.04  # … and for about so long, so that clones and generations come in between
_GENERATED_AT_ONCE = 8
_STALLED_SECONDS = 5.0  # without a step
_STOP_SECONDS = 1.0
T = TypeVar("T")
Number = TypeVar("Number", np.int32, np.float32)
_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Message:
    """A Run on its way through the slices."""

    run: Run
    done: int = 0
    outputs: list[Batch] = field(default_factory=list)


class Engine:
    def __init__(self, learner: Learner, inbox: Inbox, outputs: Outputs, pace: Pace, idle_learning: bool) -> None:
        self.shape = Shape.of(learner)
        self.on_mode: list[Callable[[Mode], None]] = []  # called on the loop when the mode has changed
        self._learner = learner
        self._inbox = inbox
        self._outputs = outputs
        self._pace = pace
        self._idle_learning = idle_learning
        self._plasticity = True
        self._taken: deque[Command[Any]] = deque()
        self._messages: deque[_Message] = deque()
        self._generations: list[tuple[Generate, Generator, Generated]] = []
        self._slice = _FIRST_SLICE
        self._changes = 0
        self._computed, self._rate, self._rate_at = 0, 0.0, time.monotonic()
        self._thread = threading.Thread(target=self._live, name="engine", daemon=True)
        self._stopping = False
        self._ended = True  # until it is started, and when it has died
        self._outbox = Outbox(self._delivered)
        self._announced = 0  # outputs
        self._pace.frame(time.monotonic())
        self.status = self._status()

    # On the event loop:

    def start(self) -> None:
        self._outbox.open()
        self._ended = False
        self._thread.start()

    async def stop(self) -> None:
        """After the slice that is being run; what was not run is refused."""
        self._stopping = True
        self._inbox.wake()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join, _STOP_SECONDS)
            self._outbox.deliver()

    async def ask(self, command: Command[T]) -> T:
        self._inbox.put(command)
        return await command.reply

    @property
    def alive(self) -> bool:
        return not self._ended and time.monotonic() - self.status.published_at < _STALLED_SECONDS

    def _delivered(self) -> None:
        self._outputs.notify()
        self._inbox.admit()

    # On the engine's thread:

    def _live(self) -> None:
        why = EngineStopped("the server stops")
        try:
            while not self._stopping:
                self.step()
        except Exception:
            _logger.exception("the engine has died; nothing is learnt from now on, and no snapshot is taken")
            why = EngineStopped("the engine has died, the server's log tells why")
        self._ended = True
        left: list[Command[Any]] = [*self._taken, *self._inbox.close(why)]
        left += [each.run for each in self._messages] + [command for command, *_ in self._generations]
        for command in left:
            self._outbox.fail(command.reply, why)
        self._outbox.post()

    def step(self) -> None:
        self._taken.extend(self._inbox.take(self._room(), self._patience()))
        while self._taken:
            self._accept(self._taken[0])
            self._taken.popleft()
        if not self._run_slice():
            self._idle()
        self._talk()
        self._publish()

    def _room(self) -> int:
        return 0 if self._pace.paused else self._slice - sum(each.run.ticks - each.done for each in self._messages)

    def _patience(self) -> float:
        if self._generations or (self._messages and not self._pace.paused):
            return 0.0
        return self._pace.patience(time.monotonic())

    def _accept(self, command: Command[Any]) -> None:
        match command:
            case Run():
                self._messages.append(_Message(command))
            case Generate():
                self._generate(command)
            case Clone():
                self._outbox.resolve(command.reply, self._learner.checkpoint())
            case Restore():
                self._restore(command)
            case Configure():
                self._configure(command)

    def _run_slice(self) -> bool:
        """Ticks of one or more messages in one call. False if there is nothing to run."""
        if self._pace.paused or not self._messages:
            return False
        parts: list[tuple[_Message, int]] = []
        room = self._slice
        for message in self._messages:
            if room == 0 or message.run.learn != self._messages[0].run.learn:
                break
            parts.append((message, min(room, message.run.ticks - message.done)))
            room -= parts[-1][1]
        started = time.monotonic()
        batch = self._run(parts)
        ended = time.monotonic()
        self._pace.frame(ended)
        self._slice = max(1, min(_SLICE_TICKS, int(_SLICE_SECONDS * len(batch) / max(ended - started, 1e-6))))
        self._computed += len(batch)
        self._changes += 1
        self._outputs.append(batch)
        self._inbox.release(len(batch))
        self._reply(parts, batch)
        return True

    def _run(self, parts: list[tuple[_Message, int]]) -> Batch:
        plasticity = 1.0 if parts[0][0].run.learn and self._plasticity else 0.0
        if isinstance(self._learner, TokenLearner):
            tokens = [_part(each.run.tokens, each.done, count) for each, count in parts]
            return self._learner.run(tokens[0] if len(tokens) == 1 else np.concatenate(tokens), plasticity)
        frames = np.concatenate([_part(each.run.frames, each.done, count) for each, count in parts])
        teachers = None
        if any(each.run.teachers is not None for each, _ in parts):
            nobody = np.full((len(frames), self.shape.outputs), np.nan, np.float32)
            teachers = np.concatenate([_part(each.run.teachers, each.done, count, nobody) for each, count in parts])
        return self._learner.run(frames, teachers, plasticity)

    def _reply(self, parts: list[tuple[_Message, int]], batch: Batch) -> None:
        start = 0
        for message, count in parts:
            message.outputs.append(batch if count == len(batch) else batch[start : start + count])
            message.done += count
            start += count
            if message.done == message.run.ticks:
                self._messages.popleft()
                last = int(message.outputs[-1].tick[-1])
                ran = Ran(int(message.outputs[0].tick[0]), last, message.outputs)
                self._outbox.resolve(message.run.reply, ran)

    def _idle(self) -> None:
        computed, counted = self._pace.due(time.monotonic())
        if computed:
            batch = self._learner.idle(computed, 1.0 if self._idle_learning and self._plasticity else 0.0)
            self._computed += computed
            self._changes += 1
            if isinstance(self._learner, FrameLearner):  # the outputs of a net of tokens are about tokens
                self._outputs.append(batch)
        if counted:
            self._learner.rest(counted)

    def _generate(self, command: Generate) -> None:
        if not isinstance(self._learner, TokenLearner):
            self._inbox.release_generation()
            self._outbox.fail(command.reply, Conflict("a net of raw frames has no tokens to generate"))
            return
        generator = self._learner.generator(command.prompt, command.temperature, command.seed)
        self._generations.append((command, generator, Generated([], self._learner.net.tick, "length")))

    def _talk(self) -> None:
        """A few tokens of every generation."""
        going_on = []
        for command, generator, generated in self._generations:
            left = command.max_tokens - len(generated.tokens)
            if left and not command.cancelled:
                tokens = generator.step(min(left, _GENERATED_AT_ONCE))
                generated.tokens.extend(tokens)
                if command.stream is not None and tokens:  # none while the prompt is read
                    self._outbox.say(command.stream.put_nowait, tokens)
                going_on.append((command, generator, generated))
            else:
                self._inbox.release_generation()
                self._outbox.resolve(command.reply, generated)
        self._generations = going_on

    def _restore(self, command: Restore) -> None:
        if not Shape.of(command.learner).is_like(self.shape):
            self._outbox.fail(command.reply, Conflict("the snapshot is of a net with other inputs or outputs"))
            return
        if self._messages and self._messages[0].done:
            half = self._messages.popleft()
            self._inbox.release(half.run.ticks - half.done)
            self._outbox.fail(half.run.reply, Conflict("a snapshot was restored while this was being learnt"))
        self._learner = command.learner
        self._changes += 1
        self._outputs.clear()
        self._outbox.resolve(command.reply, self._learner.net.tick)

    def _configure(self, command: Configure) -> None:
        if command.learning_rate is not None:
            try:
                self._learner.net.learning_rate = command.learning_rate
            except ValueError as error:
                self._outbox.fail(command.reply, Invalid([Place(detail=str(error), pointer="/learning_rate")]))
                return
            self._changes += 1
        if command.plasticity is not None:
            self._plasticity = command.plasticity
        self._pace.change(time.monotonic(), command.tick_hz, command.paused)
        self._outbox.resolve(command.reply, None)

    def _publish(self) -> None:
        before = self.status.mode
        self.status = status = self._status()
        if status.mode is not before:
            for listener in self.on_mode:
                self._outbox.tell(listener, status.mode)
        if not self._outbox.is_empty or self._announced != self._outputs.end:
            self._announced = self._outputs.end
            self._outbox.post()

    def _status(self) -> Status:
        now = time.monotonic()
        if now - self._rate_at >= 1.0:
            self._rate = self._computed / (now - self._rate_at)
            self._computed, self._rate_at = 0, now
        learner, net = self._learner, self._learner.net
        score = learner.score if isinstance(learner, TokenLearner) else None
        return Status(
            mode=self._pace.mode,
            preset=net.preset,
            neurons=net.num_neurons,
            device=net.device,
            kernel=net.kernel,
            tick=net.tick,
            tokens_seen=learner.tokens_seen if isinstance(learner, TokenLearner) else 0,
            ticks_per_second=self._rate,
            accuracy=score.accuracy if score else None,
            surprise=score.surprise if score else None,
            learning_rate=net.learning_rate,
            plasticity=self._plasticity,
            tick_hz=self._pace.tick_hz,
            generations=len(self._generations),
            changes=self._changes,
            published_at=now,
        )


def _part(
    rows: NDArray[Number] | None, start: int, count: int, default: NDArray[Number] | None = None
) -> NDArray[Number]:
    if rows is None:
        assert default is not None
        return default[:count]
    return rows[start : start + count]
