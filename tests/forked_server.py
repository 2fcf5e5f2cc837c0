"""The process of a server, as the command would run it, but for what tests need."""

import gc
import os
from pathlib import Path

from service.jobs import process
from service.server.run import run
from service.settings import Settings


def forked(environment: dict[str, str], log: Path) -> None:
    """Serve with these variables; what is printed goes to the end of the file."""
    become(environment, log)
    run(Settings())


def become(environment: dict[str, str], log: Path) -> None:
    """Have these variables, and print to the end of the file."""
    os.environ.clear()
    os.environ.update(environment)
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    _prepare()


def serve() -> None:
    _prepare()
    run(Settings())


def _prepare() -> None:
    gc.disable()  # as the command does
    process._NICENESS = 0  # as in `conftest.py`
