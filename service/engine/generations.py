"""The generations that run, on forks of the net: a few tokens of each in every step of the engine."""

from realnet import Generator
from realnet.stops import Stops
from realnet.tokens.outputs import ToldToken
from realnet.vocabulary import Continuation, Vocabulary
from service.engine.generate import Generate, Generation, Piece
from service.engine.outbox import Outbox
from service.errors import Conflict
from service.replica.replica import Replica

_AT_ONCE = 8


class _Running:
    """A generation in progress."""

    def __init__(self, command: Generate, generator: Generator, tick: int, vocabulary: Vocabulary) -> None:
        self.command, self._generator, self._tick = command, generator, tick
        self._tokens: list[int] = []
        self._told: list[ToldToken] = []
        self._said, self._stops = Continuation(vocabulary, command.prompt.tolist()), Stops(command.stops)
        self._tells_prompt = command.telling is not None and command.telling.of_prompt

    @property
    def is_over(self) -> bool:
        is_full = len(self._tokens) == self.command.max_tokens and not self._tells_prompt
        return self.command.cancelled or self._stops.is_over or is_full

    @property
    def generation(self) -> Generation:
        return Generation(self._tokens, self._tick, "stop" if self._stops.is_over else "length", self._told)

    def go_on(self) -> Piece:
        """Read some of the prompt, or generate a few tokens."""
        if self._tells_prompt and (telling := self.command.telling) is not None:
            told = self._generator.read_told(telling.top)
            self._tells_prompt = bool(told)
            piece = Piece([], told)
        else:
            piece = self._more(min(self.command.max_tokens - len(self._tokens), _AT_ONCE))
        self._tokens += piece.tokens
        self._told += piece.told
        return piece

    def _more(self, most: int) -> Piece:
        if not self.command.stops:
            return self._step(most)
        piece = Piece([], [])
        while len(piece.tokens) < most and not self._stops.is_over:  # one by one: none comes after a stop
            tokens, told = self._step(1)
            if not tokens:
                break
            piece.tokens.extend(tokens)
            piece.told.extend(told)
            self._stops.add(self._said.add(tokens))
        return piece

    def _step(self, count: int) -> Piece:
        telling = self.command.telling
        if telling is None:
            return Piece(self._generator.step(count), [])
        told = self._generator.step_told(count, telling.top)
        return Piece([each.token for each in told], told)


class Generations:
    """Runs generations, a few tokens of each at a time. On the engine's thread."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._running: list[_Running] = []

    def __len__(self) -> int:
        return len(self._running)

    def begin(self, command: Generate, replica: Replica) -> None:
        learner = replica.learner
        vocabulary = learner.interface.vocabulary
        if vocabulary is None:
            self._outbox.fail(command.reply, Conflict("a net of raw frames has no tokens to generate"))
            return
        how = command.temperature, command.seed, command.fresh, command.adapts
        with replica.sessions.looked_into(command.session):
            generator = learner.generator(command.prompt, *how)
        self._running.append(_Running(command, generator, learner.net.tick, vocabulary))

    def go_on(self) -> None:
        going_on = []
        for each in self._running:
            command = each.command
            if not command.cancelled:
                piece = each.go_on()
                if command.stream is not None and (piece.tokens or piece.told):  # none while the prompt is read
                    self._outbox.call_soon(command.stream.put_nowait, piece)
            if each.is_over:
                self._outbox.resolve(command.reply, each.generation)
            else:
                going_on.append(each)
        self._running = going_on

    def end(self, why: Exception) -> None:
        for each in self._running:
            self._outbox.fail(each.command.reply, why)
        self._running = []
