"""One backend a file, behind one Protocol. A kernel owns a net's matrix and state; its storage stays in here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from realnet.core.state import Float32, Params, ShortTerm, State
from realnet.kernels.sparse_frames import SparseFrames

__all__ = ["Kernel", "KernelLost", "SparseFrames", "begin_snapshot", "needs_torch", "open_kernel"]


class KernelLost(Exception):
    """What computes a net is gone, and with it what the net was: it can begin again from a checkpoint."""


class Kernel(Protocol):
    """Ticks of one net. What it is handed has been checked (`LiveNet`), and one thread at a time uses it."""

    name: str

    def run(self, frames: SparseFrames, teachers: Float32 | None, rate: float) -> Float32:
        """Run T frames and teachers (T, n_out), a row of NaN where there is none. Returns the outputs (T, n_out).

        The outputs are those of step 5. `rate` is plasticity times learning rate; at 0 W is only read.
        T calls of one tick do exactly what one call of T does.
        """
        ...

    def respond(self) -> Float32:
        """Return (n_out,) the outputs of the next tick, and change nothing. For `literal`, of a frame of zeros."""
        ...

    def fork(self) -> Kernel:
        """Return a kernel with activity of its own over the same matrix. Run it with rate 0 only."""
        ...

    def swap(self, mind: ShortTerm) -> ShortTerm:
        """Take over `mind` as the activity, and return what it was before.

        Sums that were `collected` for it are in it where there are such; where they are not, they are made again.
        """
        ...

    def activity(self) -> Float32:
        """Return (N,) x, a copy."""
        ...

    def snapshot(self) -> State:
        """Return a copy of the whole state, on the host."""
        ...


@runtime_checkable
class SnapshotsApart(Protocol):
    """A kernel on a device that copies faster than it sends."""

    def begin_snapshot(self) -> Callable[[], State]:
        """Copy the whole state on the device, and return what brings the copy to the host, on any thread."""
        ...


def begin_snapshot(kernel: Kernel) -> Callable[[], State]:
    """Take a copy of the whole state; what is returned waits for it, on any thread, while ticks go on."""
    if isinstance(kernel, SnapshotsApart):
        return kernel.begin_snapshot()
    state = kernel.snapshot()
    return lambda: state


def open_kernel(name: str, params: Params, state: State, device: str = "cpu", threads: int = 1) -> Kernel:
    """Open the kernel `name` for the preset of `params`. It takes `state` over.

    `cpu` (numba), `cuda` (Triton, on a GPU), `torch` (any device of PyTorch), `sharded` (over ranks of
    `torch.distributed`) or `reference` (float64 NumPy: slow, the law). Raises ValueError for another name, for a
    device that isn't there, and for what isn't installed.
    """
    # Imported when asked for: numba and above all torch cost time and memory that nobody should pay for nothing.
    if name == "cpu":
        if params.preset == "literal":
            from realnet.kernels.cpu_dense import CpuDense

            return CpuDense(params, state, threads)
        from realnet.kernels.cpu_events import CpuEvents

        return CpuEvents(params, state)
    if name in ("cuda", "torch", "sharded"):
        try:
            return _open_with_torch(name, params, state, device)
        except ModuleNotFoundError as error:
            if error.name == "triton":
                raise ValueError("the kernel cuda needs Triton, which is not installed here") from error
            raise ValueError(needs_torch(device)) from error
    if name == "reference":
        from realnet.kernels.reference import Reference

        return Reference(params, state)
    raise ValueError(f"kernel is {name!r}, must be cpu, cuda, torch, sharded or reference")


def needs_torch(device: str) -> str:
    """Return what is said of a device where PyTorch is not installed."""
    return f"device {device!r} needs PyTorch, which is not installed here: pip install 'realnet-live[torch]'"


def _open_with_torch(name: str, params: Params, state: State, device: str) -> Kernel:
    if name == "cuda":
        from realnet.kernels.cuda import open_cuda

        return open_cuda(params, state, device)
    if name == "sharded":
        from realnet.kernels.sharded import open_sharded

        return open_sharded(params, state)
    from realnet.kernels.torch_device import open_torch

    return open_torch(params, state, device)
