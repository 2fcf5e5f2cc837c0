"""Nets on an NVIDIA GPU, in Triton."""

from __future__ import annotations

from realnet.core.state import Params, State
from realnet.kernels.cuda.dense import CudaDense
from realnet.kernels.cuda.device import opening
from realnet.kernels.cuda.events import CudaEvents, open_event_nets

__all__ = ["CudaDense", "CudaEvents", "open_cuda", "open_event_nets"]


def open_cuda(params: Params, state: State, device: str) -> CudaDense | CudaEvents:
    """Raises ValueError if the device isn't there, or if Triton cannot run on it."""
    if params.preset != "literal":
        return CudaEvents(open_event_nets(params, [state], 1, device))
    with opening(device):
        return CudaDense(params, state, device)
