"""`.npz`: the arrays `inputs` and `targets`, read by rows, never as a whole."""

import io
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from service.datasets.items import Vectors
from service.datasets.readers.findings import Findings
from service.datasets.upload import Upload

_ROWS_BYTES = 2**18  # unpacked, of one array at once
_READ_BYTES = 2**16  # of the file, at once
_HEADER_BYTES = 2**14  # of an array
_DIRECTORY_BYTES = 2**17  # of the entries of the file; at least _READ_BYTES, and its longest comment is shorter
_SHAPE = 40  # signs of one that are told
_KINDS = "fiub"  # of numbers: floating, integers, booleans

# What zipfile, zlib and numpy raise for a file that is not what it says.
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError, EOFError, ValueError, OverflowError),
    *(NotImplementedError, RuntimeError, SyntaxError, MemoryError),  # other compressions; passwords; a deep header
)


def read_npz(upload: Upload, widths: tuple[int, int], most_bytes: int, found: Findings) -> Iterator[Vectors]:
    """Read both arrays, some rows at once. Nothing is unpacked if they claim more than `most_bytes` unpacked."""
    try:
        with zipfile.ZipFile(_SmallReads(upload.file)) as archive:
            yield from _read(archive, widths, most_bytes, found)
    except _BROKEN:
        found.add("not a .npz file that can be read", "/file")


def _read(archive: zipfile.ZipFile, widths: tuple[int, int], most_bytes: int, found: Findings) -> Iterator[Vectors]:
    names = ("inputs", "targets")
    arrays = [_open(archive, name, width, found) for name, width in zip(names, widths, strict=True)]
    found.check()
    inputs, targets = (array for array in arrays if array is not None)
    if inputs.rows != targets.rows:
        found.add(f"{targets.rows} rows, and inputs has {inputs.rows}", "/file/targets")
    if (size := inputs.bytes + targets.bytes) > most_bytes:
        found.add(f"inputs and targets have {size:,} bytes unpacked, and {most_bytes:,} may be", "/file")
    found.check()
    at_once = max(1, _ROWS_BYTES // max(inputs.row_bytes, targets.row_bytes))
    for start in range(0, inputs.rows, at_once):
        count = min(at_once, inputs.rows - start)
        both = [array.read(count) for array in (inputs, targets)]
        for name, values in zip(names, both, strict=True):
            for row, column in np.argwhere(~((values >= 0.0) & (values <= 1.0))):
                found.add("not a number in [0, 1]", f"/file/{name}/{start + row}/{column}")
        yield Vectors(0, both[0].astype(np.float32), both[1].astype(np.float32))


@dataclass(slots=True, frozen=True)
class _Array:
    """An array in an archive. Its `file` is at the first row that is not read yet."""

    file: IO[bytes]
    dtype: "np.dtype[np.generic]"
    rows: int
    width: int

    @property
    def row_bytes(self) -> int:
        return self.width * self.dtype.itemsize

    @property
    def bytes(self) -> int:
        return self.rows * self.row_bytes

    def read(self, rows: int) -> NDArray[np.float64]:
        data = bytearray()
        while missing := rows * self.row_bytes - len(data):
            if not (piece := self.file.read(min(missing, _READ_BYTES))):
                raise EOFError
            data += piece
        return np.frombuffer(data, self.dtype).reshape(rows, self.width).astype(np.float64)


def _open(archive: zipfile.ZipFile, name: str, width: int, found: Findings) -> _Array | None:
    pointer = f"/file/{name}"
    members = [member for member in archive.infolist() if member.filename == f"{name}.npy"]
    if len(members) != 1:
        found.add(f"{len(members)} arrays of this name", pointer)
        return None
    file = archive.open(members[0])
    shape, is_by_columns, dtype = _header(file)
    if dtype.hasobject:
        found.add("an array of objects, which would have to be unpickled", pointer)
    elif dtype.kind not in _KINDS:
        found.add("not an array of numbers", pointer)
    elif len(shape) != 2 or shape[1] != width or shape[0] < 1:
        found.add(f"its shape is {str(shape)[:_SHAPE]}, and (n, {width}) is needed", pointer)
    elif is_by_columns:
        found.add("in Fortran's order: save numpy.ascontiguousarray of it", pointer)
    else:
        return _Array(file, dtype, *shape)
    return None


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, "np.dtype[np.generic]"]:
    """Read the header: shape, whether by columns, type. numpy itself would read one of any length."""
    start = io.BytesIO(file.read(_HEADER_BYTES))
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(npy.read_magic(start))
    if read is None:
        raise ValueError
    header = read(start)
    file.seek(start.tell())
    return header


class _SmallReads:
    """A file for zipfile that refuses large reads: an archive of two arrays has a small directory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > _DIRECTORY_BYTES:
            raise zipfile.BadZipFile
        return self._file.read(_DIRECTORY_BYTES if size < 0 else size)
