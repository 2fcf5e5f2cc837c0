"""An uploaded file, and what the request said of it."""

import hashlib
import json
from dataclasses import dataclass
from typing import BinaryIO, Literal, TypeAlias, get_args

Format: TypeAlias = Literal["txt", "jsonl", "csv", "npz"]
FORMATS: tuple[Format, ...] = get_args(Format)
NAME_LENGTH = 128


@dataclass(slots=True, frozen=True)
class Upload:
    """An uploaded file: seekable, at its beginning. `sha256` (hex) is of its `bytes`; the columns are of a `.csv`."""

    file: BinaryIO
    bytes: int
    sha256: str
    name: str
    format: Format
    inputs: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Return an id made from the content: the same for the same bytes read in the same way, whatever their name."""
        read_as = json.dumps([self.sha256, self.format, self.inputs, self.targets])
        return hashlib.sha256(read_as.encode()).hexdigest()[:32]
