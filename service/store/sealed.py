"""A value that is known to be whole: a line of text and one with its SHA-256."""

import hashlib


def seal(body: bytes) -> bytes:
    return body + b"\n" + hashlib.sha256(body).hexdigest().encode()


def unseal(stored: bytes) -> bytes | None:
    """None if it is not what was sealed."""
    body, _, checksum = stored.rpartition(b"\n")
    return body if hashlib.sha256(body).hexdigest().encode() == checksum else None
