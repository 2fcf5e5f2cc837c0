"""Nets on an NVIDIA GPU, in Triton."""

from __future__ import annotations

import torch

from realnet.core.state import Params, State
from realnet.kernels.cuda.dense import CudaDense, are_interpreted
from realnet.kernels.torch_device import TorchDense, TorchEvents, check_device, open_torch


def open_cuda(params: Params, state: State, device: str) -> CudaDense | TorchDense | TorchEvents:
    """Raises ValueError if the device isn't there, or if Triton cannot run on it."""
    if params.preset != "literal":
        return open_torch(params, state, device)
    check_device(device)
    if torch.device(device).type != "cuda" and not are_interpreted():
        raise ValueError(f"device is {device!r}: the kernel cuda needs a GPU")
    try:
        return CudaDense(params, state, device)
    except RuntimeError as error:  # such as: no C compiler, which Triton needs, or too little memory
        raise ValueError(f"Triton does not run on {device!r}: {str(error).splitlines()[0]}") from error
