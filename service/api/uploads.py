"""Receive files as multipart/form-data, each straight into a file without a name, which no crash can leave behind."""

import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path, PurePath
from typing import BinaryIO, cast

from fastapi import HTTPException, Request
from python_multipart.exceptions import FormParserError, MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from service.aio import in_thread
from service.auth.places import Places
from service.datasets.upload import FORMATS, NAME_LENGTH, Format, Upload
from service.errors import ErrorLocation, Invalid
from service.store.base import StoreError

FIELDS = ("name", "format", "inputs", "targets")

_FIELDS_BYTES = 2**20  # of all fields but the file together
_WRITE_BYTES = 2**16  # buffered by the file


class Uploads:
    """At most `at_once` uploads, in `directory` (the system's own, TMPDIR, where None)."""

    def __init__(self, directory: Path | None, at_once: int) -> None:
        self._directory = directory
        self._places = Places(at_once, "uploads")

    @asynccontextmanager
    async def receive(self, request: Request, space: str) -> AsyncIterator[Upload]:
        """Write the file of a request from the caller of `space` to the disk; it is deleted after the block.

        Raises Overloaded, Limited, Invalid, HTTPException, or StoreError if there is no room on the disk.
        """
        boundary = _boundary(request)
        try:
            with self._places.held(space), await in_thread(self._open) as file:
                form = _Form(boundary, file)
                async for data in request.stream():
                    await in_thread(lambda data=data: form.write(data))  # type: ignore[misc]
                yield await in_thread(form.upload)
        except ClientDisconnect:
            raise HTTPException(400, "the body ended too early") from None
        except FormParserError:
            raise HTTPException(400, "the body is not multipart/form-data") from None
        except OSError as error:
            raise StoreError(f"the upload could not be written: {error.strerror}") from error

    def _open(self) -> BinaryIO:
        if self._directory is not None:
            self._directory.mkdir(parents=True, exist_ok=True)
        return cast(BinaryIO, tempfile.TemporaryFile(dir=self._directory, buffering=_WRITE_BYTES))


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        raise HTTPException(415, "send multipart/form-data")
    if b"boundary" not in options:
        raise HTTPException(400, "the body is not multipart/form-data")
    return options[b"boundary"]


class _Form:
    """The form as far as it has been received. Writing blocks, so it is done in a thread."""

    def __init__(self, boundary: bytes, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._filename: str | None = None
        self._has_file = self._has_ended = False
        self._fields: dict[str, list[bytes]] = {}
        self._fields_bytes = 0
        self._header = self._value = self._disposition = b""
        self._part = ""  # the name of the part that is being received
        self._parser = MultipartParser(
            boundary,
            {
                "on_header_field": self._on_header,
                "on_header_value": self._on_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers,
                "on_part_data": self._on_data,
                "on_end": self._on_end,
            },
        )

    def write(self, data: bytes) -> None:
        self._parser.write(data)

    def upload(self) -> Upload:
        if not self._has_ended:
            raise MultipartParseError("there is no end")
        given = {name: self._texts(name) for name in FIELDS}
        name = given["name"][-1] if given["name"] else _printable(self._filename or "") or "unnamed"
        suffix = PurePath(self._filename or "").suffix.removeprefix(".").lower()
        format = given["format"][-1] if given["format"] else suffix
        columns = {name: _columns(given[name]) for name in ("inputs", "targets")}
        places = []
        if not self._has_file:
            places.append(ErrorLocation(detail="there is no file", pointer="/file"))
        if not name or name != _printable(name):
            places.append(ErrorLocation(detail=f"1 to {NAME_LENGTH} printable characters", pointer="/name"))
        if format not in FORMATS:
            detail = f"one of {', '.join(FORMATS)}, as the end of the file's name or said here"
            places.append(ErrorLocation(detail=detail, pointer="/format"))
        for field, names in columns.items():
            if format == "csv" and not all(names or [""]):
                places.append(ErrorLocation(detail="names of columns, with commas between", pointer=f"/{field}"))
            if format != "csv" and names:
                places.append(ErrorLocation(detail="only a .csv has columns", pointer=f"/{field}"))
        if places:
            raise Invalid(places)
        size = self._file.tell()
        self._file.seek(0)
        return Upload(self._file, size, self._hash.hexdigest(), name, cast(Format, format), **columns)

    def _texts(self, field: str) -> list[str]:
        try:
            return [value.decode().strip() for value in self._fields.get(field, ())]
        except UnicodeDecodeError:
            raise Invalid([ErrorLocation(detail="not UTF-8", pointer=f"/{field}")]) from None

    def _on_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._disposition = b""
        self._part = options.get(b"name", b"").decode(errors="replace")
        if self._part == "file":
            if self._has_file:
                raise Invalid([ErrorLocation(detail="one file at once", pointer="/file")])
            self._has_file = True
            self._filename = options.get(b"filename", b"").decode(errors="replace").replace("\\", "/").split("/")[-1]
        elif self._part in FIELDS:
            self._fields.setdefault(self._part, []).append(b"")
        else:
            raise Invalid([ErrorLocation(detail=f"an unknown field: there are file, {', '.join(FIELDS)}", pointer="")])

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._part == "file":
            piece = memoryview(data)[start:end]
            self._file.write(piece)
            self._hash.update(piece)
            return
        self._fields_bytes += end - start
        if self._fields_bytes > _FIELDS_BYTES:
            raise Invalid([ErrorLocation(detail=f"{_FIELDS_BYTES:,} bytes at most", pointer=f"/{self._part}")])
        self._fields[self._part][-1] += data[start:end]

    def _on_end(self) -> None:
        self._has_ended = True


def _columns(values: list[str]) -> tuple[str, ...]:
    return tuple(name.strip() for value in values for name in value.split(","))


def _printable(name: str) -> str:
    return "".join(sign for sign in name if sign.isprintable()).strip()[:NAME_LENGTH]
