"""Where bytes are kept: a directory or Redis, behind one Protocol."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from service.store.base import Store, StoreError
from service.store.file import FileStore

__all__ = ["Store", "StoreError", "open_store"]

# Checked here since redis-py takes database 0 for a path that it cannot read, and its errors (and urllib's) repeat what
# they could not read, which is a part of the password where that holds a bare "/", "[" or "#".
_REDIS_URL = re.compile(r"rediss?://([^][/?#@\s]*@)?([^][/?#@:\s]+|\[[0-9a-fA-F:.]+\])(:[0-9]+)?(/[0-9]*)?(\?[^#\s]*)?")


def open_store(url: str) -> Store:
    """The store at `file:///absolute/dir`, `file:relative/dir`, `redis://host:port/db` or `rediss://…`.

    Nothing is read, written or connected to yet. Raises ValueError without repeating the URL: it may hold a password.
    """
    if url.startswith("file:"):
        parts = urlsplit(url)
        if parts.path and not (parts.netloc or parts.query or parts.fragment):
            return FileStore(Path(unquote(parts.path)))
    elif url.isascii() and _REDIS_URL.fullmatch(url):
        from service.store.redis import RedisStore  # not at the top: importing redis takes a fifth of a second

        return RedisStore(url)
    raise ValueError(
        "a store is file:///absolute/dir, file:relative/dir or redis://:password@host:port/db (other signs as %XX)"
    )
