"""Nets on an NVIDIA GPU, in Triton."""

from __future__ import annotations

import torch

from realnet.core.state import Params, State
from realnet.kernels.cuda.dense import CudaDense, are_interpreted
from realnet.kernels.cuda.events import CudaEvents, open_event_nets
from realnet.kernels.torch_device import check_device

__all__ = ["CudaDense", "CudaEvents", "open_cuda", "open_event_nets"]


def open_cuda(params: Params, state: State, device: str) -> CudaDense | CudaEvents:
    """Raises ValueError if the device isn't there, or if Triton cannot run on it."""
    if params.preset != "literal":
        return CudaEvents(open_event_nets(params, [state], 1, device))
    check_device(device)
    if torch.device(device).type != "cuda" and not are_interpreted():
        raise ValueError(f"device is {device!r}: the kernel cuda needs a GPU")
    try:
        return CudaDense(params, state, device)
    except RuntimeError as error:  # such as: no C compiler, which Triton needs, or too little memory
        raise ValueError(f"Triton does not run on {device!r}: {str(error).splitlines()[0]}") from error
