"""Fit in a process of its own: `python -m service.jobs.fit_worker DIRECTORY`; it ends when its standard input does.

In the directory it finds `fork.safetensors` (a snapshot), `options.json` (`FitOptions`), and `tokens.npy`, or
`inputs.npy` and `targets.npy`; there it leaves `fitted.safetensors`: `weights`, and `alive` if any synapse is dead.
On standard output it says a line of JSON a few times a second, and one at its end.
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
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from realnet import Checkpoint
from realnet.fit_options import FitOptions

_SAY_SECONDS = 0.2


def main() -> None:
    directory = Path(sys.argv[1])
    for ending in (signal.SIGINT, signal.SIGTERM):  # they are meant for the server, which then ends this
        signal.signal(ending, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_server, args=(directory,), daemon=True).start()
    try:
        _say("fitted", _fit(directory))
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


def _fit(directory: Path) -> dict[str, Any]:
    import torch  # takes seconds, so that the server's end is waited for before it

    from realnet.training.live_fit import fit_live

    torch.set_num_threads(max(1, (os.cpu_count() or 1) // 2))  # the others are the engine's and its clients'
    checkpoint = Checkpoint.from_bytes((directory / "fork.safetensors").read_bytes())
    options = FitOptions(**json.loads((directory / "options.json").read_text()))
    reports = _Reports()
    fitted = fit_live(checkpoint, _data(directory), options, reports)
    reports.say()
    made = {"weights": fitted.weights} | ({} if fitted.alive is None else {"alive": fitted.alive})
    safetensors.numpy.save_file(made, directory / "fitted.safetensors")
    return {"epochs": fitted.epochs, "before": _finite(fitted.before), "after": _finite(fitted.after)}


def _data(directory: Path) -> Any:
    """Map the data into memory, without reading it as a whole."""
    names = ("tokens",) if (directory / "tokens.npy").exists() else ("inputs", "targets")
    arrays = tuple(np.load(directory / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in names)
    return arrays if len(arrays) > 1 else arrays[0]


class _Reports:
    """Collects figures after every batch, and prints them every so often."""

    def __init__(self) -> None:
        self._said_at = -_SAY_SECONDS
        self._waiting: dict[str, float] = {}

    def __call__(self, figures: dict[str, float]) -> None:
        self._waiting |= figures
        if time.monotonic() - self._said_at >= _SAY_SECONDS:
            self.say()

    def say(self) -> None:
        if self._waiting:
            _say("report", _finite(self._waiting))
        self._said_at, self._waiting = time.monotonic(), {}


def _say(what: str, of_it: Any) -> None:
    print(json.dumps({what: of_it}), flush=True)


def _finite(figures: dict[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


if __name__ == "__main__":
    main()
