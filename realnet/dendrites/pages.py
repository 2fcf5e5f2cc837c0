"""Arrays whose copies share memory: a page of a copy is its own once something is written on it, until then not."""

from __future__ import annotations

import ctypes
import mmap
import os
import tempfile
import weakref
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PAGE = mmap.PAGESIZE


class Pages:
    """Arrays in a file without a name, in memory where there is such a thing. A copy may outlive them.

    Attributes:
        arrays: the arrays themselves, by name, to be read.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep a copy of these arrays. Raises OSError where there is no room for it."""
        self._like, self._size = list[tuple[str, tuple[int, ...], np.dtype[Any], int]](), 0
        for name, array in arrays.items():
            self._like.append((name, array.shape, array.dtype, self._size))
            self._size += -(-array.nbytes // _PAGE) * _PAGE
        self._file = _unnamed_file(self._size)
        weakref.finalize(self, os.close, self._file)
        self._fill({name: np.ascontiguousarray(array) for name, array in arrays.items()})
        self.arrays = self.copy()
        for each in self.arrays.values():
            each.flags.writeable = False

    def _fill(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        with mmap.mmap(self._file, self._size) as pages:
            for name, _, _, place in self._like:
                pages[place : place + arrays[name].nbytes] = arrays[name].tobytes()

    def copy(self) -> dict[str, NDArray[Any]]:
        """Return a copy of all arrays, to be written. Raises OSError where there is no room for it."""
        pages = _private_pages(self._file, self._size)
        return {name: np.ndarray(shape, kind, pages, place) for name, shape, kind, place in self._like}

    def own_bytes(self, copy: Mapping[str, NDArray[Any]]) -> int:
        """Return the bytes of the pages of a copy that differ from those here, and so take memory of its own."""
        pages = 0
        for name, array in self.arrays.items():
            here, there = (each.reshape(-1).view(np.uint8) for each in (array, copy[name]))
            pages += len(np.unique(np.flatnonzero(here != there) // _PAGE))
        return pages * _PAGE


def _unnamed_file(size: int) -> int:
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("realnet", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as temporary:
            file = os.dup(temporary.fileno())
    os.truncate(file, size)
    return file


def _private_pages(file: int, size: int) -> Any:
    """Return a buffer of a file's pages, whose writes nobody else sees.

    Not by `mmap.mmap`: until Python 3.13 that keeps a descriptor open for each, of which a process has few.
    """
    libc = _libc()
    address = libc.mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE, file, 0)
    if address == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), f"no room for {size} bytes of a child's pages")
    pages = (ctypes.c_char * size).from_address(address)
    weakref.finalize(pages, libc.munmap, ctypes.c_void_p(address), ctypes.c_size_t(size)).atexit = False
    return pages


@cache
def _libc() -> Any:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    return libc
