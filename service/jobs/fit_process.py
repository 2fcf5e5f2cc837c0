"""Start the process of a fit, in a directory of its own, and read what it reports."""

import asyncio
import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from service.aio import in_thread
from service.datasets.catalog import DatasetCatalog
from service.datasets.items import DatasetBatch, Pairs, Texts
from service.datasets.manifest import Dataset
from service.errors import ErrorLocation, Invalid, JobFailed
from service.store.base import StoreError

FORK, FITTED = "fork.safetensors", "fitted.safetensors"

_NICENESS = 19  # not SCHED_IDLE, whose core looks idle to the scheduler: what is woken there waits for milliseconds
_PREFIX = ".fit-"  # begins with a dot, so never a key of the store
_STDERR = "stderr"
_STDERR_BYTES = 8192  # of it that are logged
_logger = logging.getLogger(__name__)


@asynccontextmanager
async def workplace(parent: Path | None) -> AsyncIterator[Path]:
    """Make a directory, and remove it afterwards. Raises StoreError where it cannot be written to."""
    try:
        directory = await in_thread(lambda: _made(parent))
        try:
            yield directory
        finally:
            await in_thread(lambda: shutil.rmtree(directory, ignore_errors=True))
    except OSError as error:
        raise StoreError(f"the fit's files: {error.strerror or error}") from error


def _made(parent: Path | None) -> Path:
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))


def remove_leftovers(parent: Path) -> None:
    """Remove the directories of fits that were killed together with their server."""
    for directory in parent.glob(f"{_PREFIX}*"):
        shutil.rmtree(directory, ignore_errors=True)


async def write_data(directory: Path, catalog: DatasetCatalog, dataset: Dataset, tokens: int | None) -> None:
    """Write a data set as `.npy` files; `tokens` is the size of the vocabulary, None for a net of frames.

    Texts follow each other without anything between, as if they were one; so do pairs, each input before its target.
    """
    shapes: dict[str, tuple[int | None, ...]]
    if tokens is not None:
        kind, shapes = np.min_scalar_type(tokens - 1), {"tokens": (dataset.tokens,)}
    else:
        kind = np.dtype(np.float32)
        shapes = {"inputs": (dataset.pieces, dataset.inputs), "targets": (dataset.pieces, dataset.outputs)}
    with ExitStack() as stack:
        files = [stack.enter_context(_npy(directory / f"{name}.npy", kind, shape)) for name, shape in shapes.items()]
        async for batch in catalog.read(dataset.id):
            await in_thread(lambda batch=batch: _append(files, batch, kind))  # type: ignore[misc]


def write_fork(directory: Path, snapshot: bytes, options: dict[str, Any]) -> None:
    """Write the snapshot that is to be fitted, and the options."""
    (directory / FORK).write_bytes(snapshot)
    (directory / "options.json").write_text(json.dumps(options), encoding="utf-8")


@contextmanager
def _npy(path: Path, kind: "np.dtype[Any]", shape: tuple[int | None, ...]) -> Iterator[BinaryIO]:
    """Open a `.npy` file with its header written; the numbers follow."""
    header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        yield file


def _append(files: list[BinaryIO], batch: DatasetBatch, kind: "np.dtype[Any]") -> None:
    for file, rows in zip(files, _rows(batch), strict=True):
        file.write(np.ascontiguousarray(rows, kind).data)


def _rows(batch: DatasetBatch) -> list[NDArray[Any]]:
    if isinstance(batch, Texts):
        return [np.concatenate([text.tokens for text in batch.pieces])]
    if isinstance(batch, Pairs):
        return [np.concatenate([side for pair in batch.pairs for side in (pair.input, pair.target)])]
    return [batch.inputs, batch.targets]


async def run_process(directory: Path, report: Callable[[dict[str, Any]], Awaitable[None]]) -> dict[str, Any]:
    """Run the worker and return its last figures; kill it if cancelled. Raises Invalid or JobFailed."""
    said: dict[str, Any] = {}
    with (directory / _STDERR).open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            # -P: not the `service` that may be in the folder where the server was started.
            *(sys.executable, "-P", "-m", "service.jobs.fit_worker", str(directory)),
            stdin=asyncio.subprocess.PIPE,  # never written to: it is closed however the server ends
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,  # Ctrl-C is for the server
        )
    assert process.stdout is not None
    _stand_back(process.pid)
    try:
        async for line in process.stdout:
            if line.endswith(b"\n"):  # else it was killed while it spoke
                said = json.loads(line)
            if "report" in said:
                await report(said["report"])
        status = await process.wait()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    match said:
        case {"fitted": dict(figures)}:
            return figures
        case {"refused": str(why)}:
            raise Invalid([ErrorLocation(detail=why, pointer="")])
        case {"failed": str(why)}:
            pass
        case _:
            why = f"killed by signal {-status}" if status < 0 else f"ended with status {status}"
    _logger.error("the fit's process: %s\n%s", why, await in_thread(lambda: _tail(directory / _STDERR)))
    raise JobFailed(f"the fit's process: {why}")


def _stand_back(pid: int) -> None:
    """Give the worker the lowest priority, and make it the first to go if memory runs out."""
    with suppress(OSError):  # it has ended
        os.setpriority(os.PRIO_PROCESS, pid, _NICENESS)
    # Where Linux groups processes by session, niceness counts within a group alone; the group has one of its own.
    for name, value in (("autogroup", _NICENESS), ("oom_score_adj", 1000)):
        with suppress(OSError):  # where there is no such thing
            Path(f"/proc/{pid}/{name}").write_text(str(value))


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _STDERR_BYTES))
        return file.read().decode(errors="replace")
