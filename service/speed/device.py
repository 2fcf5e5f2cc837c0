"""Whether a device is there, and which one carries a net faster: what `--device auto` asks."""

import ctypes
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from realnet import from_checkpoint
from realnet.kernels import needs_torch
from realnet.learners import Learner
from service.speed.timing import fastest
from service.speed.works import ticks_of

AUTO, CPU, GPU = "auto", "cpu", "cuda"
_AMD = Path("/dev/kfd")  # a driver of AMD's GPUs, which builds of PyTorch for them call cuda as well
_SECONDS = 0.9  # for both
_CLEARLY = 1.25  # times faster: what is nearly the same must not change from start to start


class Choice(NamedTuple):
    device: str
    why: str


def chosen(learner: Learner) -> Choice:
    """Return the device that carries this net faster, and why in a few words. Nothing of the net changes.

    Only where there is a choice is anything measured, on copies of the net.
    """
    if learner.net.preset == "dendrites":
        return Choice(CPU, "dendrites live there")
    if not sees_gpu():
        return Choice(CPU, "PyTorch sees no GPU")
    try:
        copies = {device: from_checkpoint(learner.checkpoint(), device) for device in (CPU, GPU)}
        taken = fastest({device: ticks_of(copy) for device, copy in copies.items()}, _SECONDS)
    except (RuntimeError, ValueError, MemoryError) as error:  # RuntimeError is PyTorch's, of too little memory, too
        return Choice(CPU, f"the GPU did not do it: {str(error).split(chr(10))[0]}")
    why = ", ".join(f"{1 / seconds:,.0f} ticks a second on {device}" for device, seconds in taken.items())
    return Choice(GPU if taken[CPU] > _CLEARLY * taken[GPU] else CPU, why)


def check_is_there(device: str) -> None:
    """Raise ValueError, in one line, for a GPU that is not there. Where none has a driver PyTorch is not loaded."""
    if not device.startswith(GPU):
        return
    if find_spec("torch") is None:
        raise ValueError(needs_torch(device))
    if not _has_driver() and not _AMD.exists():
        raise ValueError(f"device {device!r} is not there: no driver of a GPU is installed")
    from realnet.kernels.torch_device import check_device

    check_device(device)


def sees_gpu() -> bool:
    """Return whether PyTorch has a GPU; where none has a driver it is not loaded, for it takes some 200 MB."""
    if find_spec("torch") is None or not _has_driver():
        return False
    import torch

    return torch.cuda.is_available()


def _has_driver() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
