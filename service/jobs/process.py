"""Start the process of a job, in a directory of its own, and read what it reports."""

import asyncio
import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypeAlias

from service.aio import in_thread
from service.errors import ErrorLocation, Invalid, JobFailed
from service.store.base import StoreError
from service.store.file import names_in

FORK, MADE, OPTIONS, TOKENS = "fork.safetensors", "made.safetensors", "options.json", "tokens.npy"
JOURNAL, MEMORY = "journal", "made.memory"
ANCESTOR, SHARE = "ancestor.safetensors", "share-"
Worker: TypeAlias = Literal["fit", "search", "look", "relive", "merge", "children"]

_NICENESS = 19  # not SCHED_IDLE, whose core looks idle to the scheduler: what is woken there waits for milliseconds
_AWAITED_NICENESS = 5  # of what an operator waits for: beside other programs the lowest priority may never end
_PREFIX = ".job-"  # begins with a dot, so never a key of the store
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
        raise StoreError(f"the job's files: {error.strerror or error}") from error


def _made(parent: Path | None) -> Path:
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))


def remove_leftovers(parent: Path) -> None:
    """Remove the directories of jobs that were killed together with their server."""
    for name in names_in(parent):
        if name.startswith(_PREFIX):
            shutil.rmtree(parent / name, ignore_errors=True)


async def run_process(
    worker: Worker, directory: Path, report: Callable[[dict[str, Any]], Awaitable[None]]
) -> dict[str, Any]:
    """Run the worker and return its last figures; kill it if cancelled. Raises Invalid or JobFailed."""
    said: dict[str, Any] = {}
    with (directory / _STDERR).open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            # -P: not the `service` that may be in the folder where the server was started.
            *(sys.executable, "-P", "-m", f"service.jobs.{worker}_worker", str(directory)),
            stdin=asyncio.subprocess.PIPE,  # never written to: it is closed however the server ends
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,  # Ctrl-C is for the server
        )
    assert process.stdout is not None
    _stand_back(process.pid, _NICENESS if worker in ("fit", "search") else min(_NICENESS, _AWAITED_NICENESS))
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
        case {"made": dict(figures)}:
            return figures
        case {"refused": str(why)}:
            raise Invalid([ErrorLocation(detail=why, pointer="")])
        case {"failed": str(why)}:
            pass
        case _:
            why = f"killed by signal {-status}" if status < 0 else f"ended with status {status}"
    _logger.error("the %s's process: %s\n%s", worker, why, await in_thread(lambda: _tail(directory / _STDERR)))
    raise JobFailed(f"the {worker}'s process: {why}")


def _stand_back(pid: int, niceness: int) -> None:
    """Give the worker a low priority, and make it the first to go if memory runs out."""
    with suppress(OSError):  # it has ended
        os.setpriority(os.PRIO_PROCESS, pid, niceness)
    # Where Linux groups processes by session, niceness counts within a group alone; the group has one of its own.
    for name, value in (("autogroup", niceness), ("oom_score_adj", 1000)):
        with suppress(OSError):  # where there is no such thing
            Path(f"/proc/{pid}/{name}").write_text(str(value))


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _STDERR_BYTES))
        return file.read().decode(errors="replace")
