"""The form of an upload, and data sets as REST shows them."""

from typing import Any

import numpy as np
from pydantic import BaseModel

from realnet.vocabulary import Vocabulary
from service.datasets.items import DatasetBatch, Pairs, Rows, Texts, Tokens, Vectors
from service.datasets.manifest import Dataset
from service.datasets.upload import FORMATS, NAME_LENGTH

_SHOWN = 5  # items
_SHOWN_VALUES = 64  # tokens or numbers of each

_FILE = (
    "`.txt`: one text in UTF-8. `.jsonl`: an object in every line, with `text`, or with `input` and `target`, each of "
    "them a text, token ids or numbers. `.csv`: a header, and rows of numbers. `.npz`: the arrays `inputs` (n, n_in) "
    "and `targets` (n, n_out), without pickle. All numbers are in [0, 1]."
)
_COLUMNS = "Of a .csv, and only there: names of columns, with commas between or in fields of their own"

FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "file": {"type": "string", "format": "binary", "description": _FILE},
        "name": {"type": "string", "minLength": 1, "maxLength": NAME_LENGTH, "description": "Else that of the file"},
        "format": {"type": "string", "enum": FORMATS, "description": "Else what the name of the file ends with"},
        "inputs": {"type": "string", "description": _COLUMNS},
        "targets": {"type": "string", "description": _COLUMNS},
    },
    "required": ["file"],
    "additionalProperties": False,
}


class DatasetList(BaseModel):
    data: list[Dataset]
    has_more: bool
    next: str | None


class Shown(BaseModel):
    """The beginning of an item: of a text, of a row, or of a pair: its token ids, and as `text` one after the other."""

    text: str | None = None
    input: list[int | float] | None = None
    target: list[int | float] | None = None


class DatasetShown(Dataset, frozen=True):
    preview: list[Shown]

    @classmethod
    def of(cls, dataset: Dataset, batch: DatasetBatch, vocabulary: Vocabulary | None) -> "DatasetShown":
        return cls(**dataset.model_dump(), preview=_shown(batch, vocabulary))


def _shown(batch: DatasetBatch, vocabulary: Vocabulary | None) -> list[Shown]:
    match batch:
        case Texts(_, pieces):
            texts = [piece.tokens for piece in pieces if not piece.continues]
            return [Shown(text=_text(tokens, vocabulary)) for tokens in texts[:_SHOWN]]
        case Pairs(_, pairs):
            return [
                Shown(
                    text=_text(np.concatenate([pair.input, pair.target]), vocabulary), **_sides(pair.input, pair.target)
                )
                for pair in pairs[:_SHOWN]
            ]
        case Vectors(_, inputs, targets):
            return [Shown(**_sides(*row)) for row in zip(inputs[:_SHOWN], targets[:_SHOWN], strict=True)]


def _text(tokens: Tokens, vocabulary: Vocabulary | None) -> str | None:
    return None if vocabulary is None else vocabulary.decode(tokens[:_SHOWN_VALUES].tolist())


def _sides(input: Tokens | Rows, target: Tokens | Rows) -> dict[str, Any]:
    return {"input": input[:_SHOWN_VALUES].tolist(), "target": target[:_SHOWN_VALUES].tolist()}
