"""The text of a choice as its tokens come: cut at a stop, with what is told of the tokens that are in it."""

from collections import deque
from typing import NamedTuple

from realnet.stops import Stops
from realnet.tokens.outputs import ToldToken
from realnet.vocabulary import Continuation, Vocabulary
from service.engine.generate import Generate, Generation, Piece


class Placed(NamedTuple):
    """A token that is told, and the number of the character at which it begins."""

    told: ToldToken
    offset: int


class Text(NamedTuple):
    text: str
    tokens: list[Placed]  # if they are told


class Said:
    """The texts of `opening`, `add` and `rest`, joined, are the choice's text; their tokens are those in it."""

    def __init__(self, command: Generate, vocabulary: Vocabulary, echo: bool = False, lead: str = "") -> None:
        """With `echo` the text begins with the prompt; a `lead` with which it would begin is left out."""
        prompt = command.prompt.tolist()
        self._vocabulary, self._lead = vocabulary, lead
        self._echoed = vocabulary.decode(prompt) if echo else ""
        self._read, self._read_to = Continuation(vocabulary), 0
        self._said, self._said_to = Continuation(vocabulary, prompt), len(self._echoed)
        self._stops, self._sure_to = Stops(command.stops), len(self._echoed)
        self._waiting: deque[Placed] = deque()

    def opening(self) -> Text:
        return Text(self._echoed, [])

    def add(self, piece: Piece) -> Text:
        if not piece.tokens:
            return Text("", [self._of_prompt(told) for told in piece.told])
        text = ""
        for index, token in enumerate(piece.tokens):
            if piece.told:
                self._waiting.append(Placed(piece.told[index], self._said_to))
            new = self._said.add([token])
            self._said_to += len(new)
            text += self._stops.add(new)
        return self._sure(text)

    def rest(self) -> Text:
        text, tokens = self._sure(self._stops.add(self._said.rest()) + self._stops.rest())
        if not self._stops.is_over:
            tokens += self._waiting  # they have added nothing that can be seen
        return Text(text, tokens)

    def whole(self, generated: Generation) -> Text:
        """Return all of what was generated without a stream."""
        of_prompt = max(0, len(generated.told) - len(generated.tokens))
        pieces = [Piece([], generated.told[:of_prompt]), Piece(generated.tokens, generated.told[of_prompt:])]
        texts = [self.opening(), *map(self.add, pieces), self.rest()]
        return Text("".join(each.text for each in texts), [token for each in texts for token in each.tokens])

    def _of_prompt(self, told: ToldToken) -> Placed:
        placed = Placed(told, self._read_to)
        self._read_to += len(self._read.add([told.token]))
        return placed

    def _sure(self, text: str) -> Text:
        """Return a text that comes before any stop, without the lead, and the tokens that begin in it."""
        self._sure_to += len(text)
        tokens = []
        while self._waiting and self._waiting[0].offset < self._sure_to:
            tokens.append(self._waiting.popleft())
        if text and self._lead:
            if tokens and self._vocabulary.decode([tokens[0].told.token]) == self._lead:
                del tokens[0]
            text, self._lead = text.removeprefix(self._lead), ""
        return Text(text, tokens)
