"""Nets on an NVIDIA GPU, in Triton."""

from __future__ import annotations

from realnet.core.state import Params, State
from realnet.kernels.cuda.events import CudaEvents, open_event_nets
from realnet.kernels.torch_device import TorchDense, TorchEvents, open_torch

__all__ = ["CudaEvents", "open_cuda", "open_event_nets"]


def open_cuda(params: Params, state: State, device: str) -> CudaEvents | TorchDense | TorchEvents:
    """Raises ValueError if the device isn't there, or if Triton cannot run on it."""
    if params.preset == "literal":
        return open_torch(params, state, device)
    return CudaEvents(open_event_nets(params, [state], 1, device))
