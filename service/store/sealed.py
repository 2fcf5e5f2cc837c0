"""Small values that are known to be whole: a line of JSON, and a line with its SHA-256."""

import hashlib
from collections.abc import Callable
from typing import Self

from pydantic import BaseModel, ValidationError


class Sealed(BaseModel, frozen=True):
    """A value that is stored under its `id`, with a checksum."""

    id: str

    def seal(self) -> bytes:
        """Return the bytes to store."""
        body = self.model_dump_json(by_alias=True).encode()
        return body + b"\n" + hashlib.sha256(body).hexdigest().encode()

    @classmethod
    def unseal(cls, id: str, stored: bytes, damaged: Callable[[str, str], Exception]) -> Self:
        """Return the value of stored bytes. Raises what `damaged` makes of the id and what is wrong."""
        body, _, checksum = stored.rpartition(b"\n")
        if hashlib.sha256(body).hexdigest().encode() != checksum:
            raise damaged(id, "the manifest has the wrong checksum")
        try:
            manifest = cls.model_validate_json(body)
        except ValidationError as error:
            raise damaged(id, "the manifest is of another version") from error
        if manifest.id != id:
            raise damaged(id, f"the manifest is that of {manifest.id}")
        return manifest
