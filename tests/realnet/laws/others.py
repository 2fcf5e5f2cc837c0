"""Processes that are the other ranks of a test's nets."""

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


def _other_rank(told: Connection) -> None:
    """Work with rank 0, in one group after the other, as it tells."""
    torch.set_num_threads(1)
    while True:
        try:
            work(_joined(*told.recv()))
        except KernelLost:
            return
        dist.destroy_process_group()


class Others:
    """So many processes, which the test's own process joins as rank 0."""

    def __init__(self, number: int) -> None:
        context = get_context("spawn")
        pipes = [context.Pipe() for _ in range(number)]
        self._told = [own for own, _ in pipes]
        self._processes = [context.Process(target=_other_rank, args=(theirs,), daemon=True) for _, theirs in pipes]
        for process in self._processes:
            process.start()

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
        for process in self._processes:
            process.kill()
            process.join()
