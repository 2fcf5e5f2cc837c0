"""Make tokens of the texts of a file."""

from realnet.vocabulary import Vocabulary
from service.datasets.items import Tokens
from service.datasets.readers.findings import Findings


def encoded(text: str, vocabulary: Vocabulary, found: Findings, pointer: str, line: int | None = None) -> Tokens | None:
    """Return the tokens of a text; None if the vocabulary has none for it, which is then told as found there."""
    try:
        return vocabulary.encode(text)
    except ValueError as error:
        found.add(str(error), pointer, line=line)
        return None
