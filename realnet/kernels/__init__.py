"""One backend a file, behind one Protocol. A kernel owns a net's matrix and state; its storage stays in here."""

from __future__ import annotations

from typing import Protocol

from realnet.core.state import Float32, Params, ShortTerm, State
from realnet.kernels.sparse_frames import SparseFrames

__all__ = ["Kernel", "SparseFrames", "open_kernel"]


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


def open_kernel(name: str, params: Params, state: State, device: str = "cpu", threads: int = 1) -> Kernel:
    """Open the kernel `name` for the preset of `params`. It takes `state` over.

    `cpu` (numba), `torch` (any device of PyTorch) or `reference` (float64 NumPy: slow, the law).
    Raises ValueError for another name, for a device that isn't there, and for `torch` without PyTorch.
    """
    # Imported when asked for: numba and above all torch cost time and memory that nobody should pay for nothing.
    if name == "cpu":
        if params.preset == "literal":
            from realnet.kernels.cpu_dense import CpuDense

            return CpuDense(params, state, threads)
        from realnet.kernels.cpu_events import CpuEvents

        return CpuEvents(params, state)
    if name == "torch":
        try:
            from realnet.kernels.torch_device import open_torch
        except ModuleNotFoundError as error:
            raise ValueError(
                f"device {device!r} needs PyTorch, which is not installed here: pip install 'realnet-live[torch]'"
            ) from error

        return open_torch(params, state, device)
    if name == "reference":
        from realnet.kernels.reference import Reference

        return Reference(params, state)
    raise ValueError(f"kernel is {name!r}, must be cpu, torch or reference")
