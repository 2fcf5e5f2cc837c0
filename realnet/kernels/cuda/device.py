"""What kernels in Triton share: opening them on a device, and bringing what they hold to the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import triton
from numpy.typing import NDArray
from torch import Tensor

from realnet.kernels.cuda.dense_kernels import settle
from realnet.kernels.torch_device import check_device


def are_interpreted() -> bool:
    """Return whether TRITON_INTERPRET was 1 when the kernels were imported: then they run on a CPU."""
    return not isinstance(settle, triton.JITFunction)


@contextmanager
def opening(device: str) -> Iterator[None]:
    """Open a kernel within the block. Raises ValueError if the device isn't there, or if Triton cannot run on it."""
    check_device(device)
    if torch.device(device).type != "cuda" and not are_interpreted():
        raise ValueError(f"device is {device!r}: the kernel cuda needs a GPU")
    try:
        yield
    except RuntimeError as error:  # such as: no C compiler, which Triton needs, or too little memory
        raise ValueError(f"Triton does not run on {device!r}: {str(error).splitlines()[0]}") from error


def begin_copy(tensors: dict[str, Tensor]) -> Callable[[], dict[str, NDArray[Any]]]:
    """Clone tensors on their device; what is returned brings the clones to the host, beside what is computed there.

    It may be called on any thread, which alone waits, also for memory on the host that the device can write to.
    """
    device = next(iter(tensors.values())).device
    clones = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
    if device.type != "cuda":
        return lambda: {name: clone.numpy() for name, clone in clones.items()}
    cloned = torch.cuda.current_stream(device).record_event()

    def brought() -> dict[str, NDArray[Any]]:
        side = torch.cuda.Stream(device)
        side.wait_event(cloned)
        with torch.cuda.stream(side):
            sent = {
                name: torch.empty(clone.shape, dtype=clone.dtype, pin_memory=True).copy_(clone, non_blocking=True)
                for name, clone in clones.items()
            }
        side.synchronize()
        return {name: tensor.numpy() for name, tensor in sent.items()}

    return brought
