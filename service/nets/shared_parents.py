"""Parents in files that all processes of a machine map, so that its memory has one copy of each.

A file has its parent's SHA-256 for a name, and ends with that of its own bytes, which each process looks at before it
uses them. Whoever uses a file holds a shared lock on it, which ends with the process at the latest; what nobody holds
is removed, under an exclusive lock, by whoever lets a parent go, and at each start. What is removed under a user all
the same, as by a cleaner of temporary files, stays his until he lets it go. A name is given by a link, which takes none
that is there. So a kill leaves at worst a file that goes at the next chance, and nothing here waits for another
process.
"""

import hashlib
import logging
import mmap
import os
import re
import stat
import tempfile
import weakref
from contextlib import ExitStack, suppress
from pathlib import Path

from realnet.dendrites.parent import Parent
from realnet.dendrites.parent_file import parent_bytes, parent_in

_SEAL_BYTES = 32
_NAME = re.compile(r"[0-9a-f]{64}")
_logger = logging.getLogger(__name__)


class SharedParents:
    """The parents that this user's processes share on this machine.

    To find or share one takes tenths of a second: on any thread but the loop's.
    """

    def __init__(self) -> None:
        """Remove what nobody uses."""
        self._has_told = False
        with suppress(OSError):
            _sweep(_directory())

    def find(self, sha256: str) -> Parent | None:
        """Return a parent that another process has, or None; what lies there and is not whole is removed."""
        if not _NAME.fullmatch(sha256):
            return None
        try:
            path = _directory() / sha256
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            return _mapped(descriptor, path) if _holds(descriptor) else None
        except FileNotFoundError:
            pass
        except OSError as error:
            self._tell(error)
        except ValueError as error:
            _logger.warning("%s is damaged: %s", path, error)
        return None

    def share(self, parent: Parent) -> Parent:
        """Return a parent as all processes have it from now on; as it was given where it cannot be shared."""
        try:
            with ExitStack() as held:
                with suppress(FileExistsError):  # another process has written it meanwhile
                    written = _written(_directory() / parent.sha256, parent_bytes(parent))
                    held.callback(os.close, written)
                return self.find(parent.sha256) or parent
        except OSError as error:
            self._tell(error)
            return parent

    def _tell(self, error: Exception) -> None:
        if not self._has_told:
            _logger.warning("parents are not shared with other processes of this machine: %s", error)
        self._has_told = True


def _directory() -> Path:
    """Return the directory of all files. Raises OSError where it cannot be made, or others may write into it."""
    directory = Path(tempfile.gettempdir()) / f"realnet-parents-{os.getuid()}"
    with suppress(FileExistsError):
        directory.mkdir(0o700)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{directory} is not a directory of this user alone")
    return directory


def _written(path: Path, data: bytes) -> int:
    """Write a file, whole or not at all, and return it open and held. Raises OSError, also where one is there."""
    descriptor, unfinished = _begun(path.parent)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
            file.write(hashlib.sha256(data).digest())
        path.hardlink_to(unfinished)
    except BaseException:
        os.close(descriptor)
        raise
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()
    return descriptor


def _begun(directory: Path) -> tuple[int, Path]:
    """Return a new file, open and held, and its name until it is whole. Raises OSError."""
    while True:
        descriptor, name = tempfile.mkstemp(dir=directory)
        try:
            if _holds(descriptor):
                return descriptor, Path(name)
        except OSError:
            Path(name).unlink()
            raise


def _mapped(descriptor: int, path: Path) -> Parent:
    """Return the parent in a file that is held until the parent is used no more. Raises ValueError or OSError."""
    try:
        mapped = memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
        data = mapped[:-_SEAL_BYTES]
        if hashlib.sha256(data).digest() != mapped[-_SEAL_BYTES:]:
            raise ValueError("it has the wrong checksum")
        parent = parent_in(data)
        if parent.sha256 != path.name:
            raise ValueError(f"it is the parent {parent.sha256}")
    except BaseException:
        _let_go(descriptor, path.parent)
        raise
    weakref.finalize(parent, _let_go, descriptor, path.parent)
    return parent


def _holds(descriptor: int) -> bool:
    """Hold an open file, so that nobody removes it; close it, and return False, where somebody does, or has."""
    import fcntl  # not on Windows

    with ExitStack() as closing:
        closing.callback(os.close, descriptor)
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                closing.pop_all()
                return True
    return False


def _let_go(descriptor: int, directory: Path) -> None:
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_UN)  # a mapping that is still there has a copy of the descriptor, and no claim
    os.close(descriptor)
    _sweep(directory)


def _sweep(directory: Path) -> None:
    """Remove all files that nobody holds."""
    import fcntl

    with suppress(OSError):
        for path in directory.iterdir():
            with suppress(OSError):  # somebody holds it, or was faster
                descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if os.path.samestat(path.lstat(), os.fstat(descriptor)):
                        path.unlink()
                finally:
                    os.close(descriptor)
