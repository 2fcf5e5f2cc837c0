"""The frame of a job's process: `work` does a job in the directory that the command line names.

It ends when its standard input does. In the directory it finds `fork.safetensors`, a snapshot, and what else its kind
of job has written there; there it leaves `made.safetensors`. On standard output it says a line of JSON a few times a
second, and one at its end.
"""

import json
import math
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

_SAY_SECONDS = 0.2


def work(do: Callable[[Path, "Reports"], dict[str, Any]]) -> None:
    """Call `do` and say the figures that it returns; end the process. A ValueError is a refusal."""
    directory = Path(sys.argv[1])
    for ending in (signal.SIGINT, signal.SIGTERM):  # they are meant for the server, which then ends this
        signal.signal(ending, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_server, args=(directory,), daemon=True).start()
    reports = Reports()
    try:
        figures = do(directory, reports)
        reports.say()
        _say("made", figures)
    except ValueError as error:
        _say("refused", _line(error))
    except Exception as error:
        traceback.print_exc()
        _say("failed", f"{type(error).__name__}: {_line(error)}")
    sys.stderr.flush()
    os._exit(0)  # there is nothing to be tidied up, which takes PyTorch seconds


def _end_with_the_server(directory: Path) -> None:
    """Wait for the server's end, however it comes, then remove the files: nobody else would."""
    while os.read(0, 1):
        pass
    shutil.rmtree(directory, ignore_errors=True)
    os._exit(1)


class Reports:
    """Collects figures after every batch, and prints them every so often."""

    def __init__(self) -> None:
        self._said_at = -_SAY_SECONDS
        self._waiting: dict[str, Any] = {}

    def __call__(self, figures: dict[str, Any]) -> None:
        self._waiting |= figures
        if time.monotonic() - self._said_at >= _SAY_SECONDS:
            self.say()

    def say(self) -> None:
        if self._waiting:
            _say("report", finite(self._waiting))
        self._said_at, self._waiting = time.monotonic(), {}


def _say(what: str, of_it: Any) -> None:
    print(json.dumps({what: of_it}), flush=True)


def finite(figures: dict[str, Any]) -> dict[str, Any]:
    """Return the same with None for each number that JSON has no word for."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in figures.items()
    }


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
