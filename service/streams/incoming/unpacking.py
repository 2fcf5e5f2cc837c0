"""Unpack what was sent, as long as it does not become too large."""

import zlib

from service.streams.incoming.batch import Malformed, TooLarge

UNPACKED = 2  # times as large as a body may be, at most
_GZIP = 16 + zlib.MAX_WBITS


def check_size(size: int, most: int) -> None:
    """Raise TooLarge for more bytes than there may be."""
    if size > most:
        raise TooLarge(f"{most} bytes at most when it is unpacked")


def gunzip(data: bytes, most: int) -> bytes:
    """Unpack gzip. Raises Malformed or TooLarge."""
    unpacked = b""
    try:
        while data:  # there may be several in a row
            member = zlib.decompressobj(_GZIP)
            unpacked += member.decompress(data, most - len(unpacked) + 1)
            check_size(len(unpacked), most)
            if not member.eof:
                raise Malformed("the body is gzip that ends too early")
            data = member.unused_data
    except zlib.error:
        raise Malformed("the body is not gzip") from None
    return unpacked
