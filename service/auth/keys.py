"""Keys, and the file of keys: one `name scope sha256:…` a line, and what is the key's own. Only its hash is stored."""

import hashlib
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from service.auth.share import EVERYTHING, Share

MIN_LENGTH = 16
ENVIRONMENT = "environment"  # the name of REALNET_API_KEY, whose clients and Idempotency-Keys are kept under it
_KEY = re.compile(rf"[\x21-\x7e]{{{MIN_LENGTH},256}}")
_NAME = r"[A-Za-z0-9._-]{1,64}"
_LINE = re.compile(
    rf"(?P<name>{_NAME})\s+(?P<scope>merge|read|teach|admin)\s+sha256:(?P<digest>[0-9a-f]{{64}})(?P<own>\s.*)?"
)


class Scope(IntEnum):
    """What a key allows; each scope includes those before it, and OPEN needs no key.

    MERGE is for the server of another net, which may see nothing else: it is included in ADMIN alone.
    """

    MERGE = -1
    OPEN = 0
    READ = 1
    TEACH = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        return self.name.lower()

    def includes(self, needed: "Scope") -> bool:
        if needed is Scope.MERGE:
            return self in (Scope.MERGE, Scope.ADMIN)
        return needed is Scope.OPEN or self >= needed


class KeysError(Exception):
    """The file of keys cannot be used. The message is one line that names the file and the place, never a key."""


@dataclass(slots=True, frozen=True)
class Key:
    name: str
    scope: Scope
    digest: bytes
    share: Share = EVERYTHING


def digest_of(key: str) -> bytes:
    """Return the SHA-256 of a key. One is enough: a key is drawn at random, and cannot be guessed like a password."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()


def is_fit(key: str) -> bool:
    """Return whether a key can be sent in a header and is long enough."""
    return _KEY.fullmatch(key) is not None


def read_keys(path: Path) -> list[Key]:
    """Read all keys of a file, in which empty lines and those that begin with `#` are skipped. Raises KeysError."""
    keys = [key for key in (_parsed(path, *line) for line in _lines(path)) if key is not None]
    if len({key.name for key in keys}) < len(keys):
        raise KeysError(f"{path}: two keys have the same name")
    if any(key.name == ENVIRONMENT for key in keys):
        raise KeysError(f"{path}: the name {ENVIRONMENT} is that of REALNET_API_KEY: revoke this key, make another")
    return keys


def create_key(path: Path, name: str, scope: Scope, share: Share = EVERYTHING) -> str:
    """Create a key, add it to the file (a new one if there is none), and return it. Raises KeysError."""
    if name == ENVIRONMENT:
        raise KeysError(f"the name {ENVIRONMENT} is that of REALNET_API_KEY: take another one")
    if re.fullmatch(_NAME, name) is None:
        raise KeysError("a name has 1 to 64 signs of A-Z a-z 0-9 . _ -")
    key = f"rn_{secrets.token_urlsafe(32)}"
    line = f"{name} {scope.word} sha256:{digest_of(key).hex()} {share.words}".rstrip()
    with _alone(path, os.O_CREAT):
        keys = read_keys(path) if path.exists() else []
        if any(one.name == name for one in keys):
            raise KeysError(f"{path} has a key {name}: revoke it first, or take another name")
        _write(path, [*(line for _, line in (_lines(path) if path.exists() else [])), line])
    return key


def revoke_key(path: Path, name: str) -> None:
    """Remove the key of this name from the file. Raises KeysError."""
    with _alone(path):
        lines = _lines(path)
        kept = [line for number, line in lines if (key := _parsed(path, number, line)) is None or key.name != name]
        if len(kept) == len(lines):
            raise KeysError(f"{path} has no key {name}")
        _write(path, kept)


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        return list(enumerate(path.read_text(encoding="utf-8").splitlines(), 1))
    except OSError as error:
        raise KeysError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise KeysError(f"{path}: not a text file") from None


def _parsed(path: Path, number: int, line: str) -> Key | None:
    line = line.strip()
    if not line or line.startswith("#"):
        return None
    found = _LINE.fullmatch(line)
    if found is None:
        raise KeysError(f"{path}: line {number} is not `name merge|read|teach|admin sha256:…`")
    try:
        share = Share.of_words(found["own"] or "")
    except ValueError as error:
        raise KeysError(f"{path}: line {number}: {error}") from None
    return Key(found["name"], Scope[found["scope"].upper()], bytes.fromhex(found["digest"]), share)


@contextmanager
def _alone(path: Path, flags: int = 0) -> Iterator[None]:
    """Lock the file against other changes. A change replaces the file, so a lock may turn out to be on the old one."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    try:
        while True:
            descriptor = os.open(path, os.O_RDWR | flags, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    yield
                    return
            finally:
                os.close(descriptor)
    except OSError as error:
        raise KeysError(f"{path}: {error.strerror or error}") from None


def _write(path: Path, lines: list[str]) -> None:
    """Replace the file at once: a server that reads it at this moment sees the old lines or the new ones."""
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(mode)
            Path(temporary).replace(path)
        finally:
            with suppress(FileNotFoundError):
                Path(temporary).unlink()
    except OSError as error:
        raise KeysError(f"{path}: {error.strerror or error}") from None
