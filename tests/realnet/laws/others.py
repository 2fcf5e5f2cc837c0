"""Processes that are the other ranks of a test's nets."""

import os
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import torch
import torch.distributed as dist

from realnet.kernels import KernelLost
from realnet.kernels.sharded import Ranks
from service.server.ranks import join, work


def _joined(size: int, rank: int, meeting: Path) -> Ranks:
    return join(init_method=f"file://{meeting}", rank=rank, world_size=size)


def _other_ranks(pipes: Sequence[Connection]) -> None:
    """Be as many ranks as there are pipes: PyTorch is imported once."""
    torch.set_num_threads(1)
    told, *more = pipes
    if more and os.fork() == 0:
        _other_ranks(more)
        return
    with suppress(KernelLost, EOFError):
        while True:  # in one group after the other
            work(_joined(*told.recv()))
            dist.destroy_process_group()


class Others:
    """So many processes, which the test's own process joins as rank 0."""

    def __init__(self, number: int) -> None:
        context = get_context("spawn")
        self._told, theirs = zip(*(context.Pipe() for _ in range(number)), strict=True)
        self._process = context.Process(target=_other_ranks, args=(theirs,), daemon=True)
        self._process.start()

    def join(self, size: int, meeting: Path) -> Ranks:
        """Form a group of `size` ranks, this process among them."""
        for rank, told in enumerate(self._told[: size - 1], 1):
            told.send((size, rank, meeting))
        return _joined(size, 0, meeting)

    def leave(self, ranks: Ranks) -> None:
        """End a group, so that another may be formed."""
        ranks.stop()
        dist.destroy_process_group()

    def kill(self) -> None:
        """Kill rank 1; the others notice, and end."""
        self._process.kill()
        self._process.join()
        for told in self._told:
            told.close()
