"""What must be so before a kernel in Triton is opened on a device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import triton

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
