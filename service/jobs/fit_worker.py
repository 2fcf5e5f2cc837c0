"""Fit in a process of its own: `python -m service.jobs.fit_worker DIRECTORY`; `service.jobs.worker` is its frame.

Beside the fork it finds `options.json` (`FitOptions`), and `tokens.npy`, or `inputs.npy` and `targets.npy`; it makes
`weights`, and `alive` if any synapse is dead.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from realnet import Checkpoint
from realnet.fit_options import FitOptions
from service.jobs.process import FORK, MADE, OPTIONS
from service.jobs.worker import Reports, finite, work
from service.speed.cores import cores


def _fit(directory: Path, reports: Reports) -> dict[str, Any]:
    reports({"progress": 0.0, "phase": "loading PyTorch"})
    import torch  # takes seconds, so that the server's end is waited for before it

    from realnet.training.live_fit import fit_live

    torch.set_num_threads(max(1, cores() // 2))  # the others are the engine's and its clients'
    checkpoint = Checkpoint.from_bytes((directory / FORK).read_bytes())
    options = FitOptions(**json.loads((directory / OPTIONS).read_text()))
    reports({"progress": 0.0, "phase": "training"})
    reports.say()  # now: before the first batch the loss is measured, which may take a while
    fitted = fit_live(checkpoint, _data(directory), options, reports)
    made = {"weights": fitted.weights} | ({} if fitted.alive is None else {"alive": fitted.alive})
    safetensors.numpy.save_file(made, directory / MADE)
    return {"epochs": fitted.epochs, "before": finite(fitted.before), "after": finite(fitted.after)}


def _data(directory: Path) -> Any:
    """Map the data into memory, without reading it as a whole."""
    names = ("tokens",) if (directory / "tokens.npy").exists() else ("inputs", "targets")
    arrays = tuple(np.load(directory / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in names)
    return arrays if len(arrays) > 1 else arrays[0]


if __name__ == "__main__":
    work(_fit)
