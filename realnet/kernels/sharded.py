"""A dense net over several processes: each rank of `torch.distributed` holds columns of the matrix.

Rank 0 has the `LiveNet` and says what to do; the others do the same in `work`. A tick is that of `TorchDense` over the
columns that a rank holds, and one all-gather of their sums and extremes. All else is the same on every rank, to the
last bit, as long as all of them are devices of one kind: each computes it for itself.
"""

from __future__ import annotations

import pickle
import re
from collections import deque
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import count
from typing import Any
from weakref import finalize

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from realnet.core.state import TABLE, Float32, Params, ShortTerm, State
from realnet.kernels import KernelLost
from realnet.kernels.sparse_frames import SparseFrames
from realnet.kernels.torch_device import Tensors, TorchDense

Arrays = dict[str, NDArray[Any]]

_ALIGNED = 16  # columns, a cache line: sums over rows then have the same bits however many columns are beside
_SENT = 2**26  # bytes of a matrix in one message
_MATRICES = ("U", "alive")

_here: list[Ranks] = []  # those that this process has joined, if it has


class Ranks:
    """The processes that share nets. Rank 0 asks, all do, one command at a time."""

    def __init__(
        self, device: torch.device, waiting: dist.ProcessGroup, turn: AbstractContextManager[Any] | None = None
    ) -> None:
        """Join the ranks of the default group of `torch.distributed`, which is there already.

        `device` is this rank's. In the group `waiting`, of gloo, a rank waits for the next command, however long that
        may take; within a command the default group says how long one waits for another. Where several threads of
        rank 0 have nets, `turn` is their lock.
        """
        self.rank, self.size, self.device = dist.get_rank(), dist.get_world_size(), device
        self._waiting, self._turn = waiting, turn or nullcontext()
        self._shards: dict[int, _Shard] = {}
        self._numbers = count()
        self._gone: deque[int] = deque()  # nets that nobody has any more; added to on any thread, at any moment
        self._lost: str | None = None
        _here[:] = [self]

    # On rank 0:

    def open(self, params: Params, state: State) -> Sharded:
        """Give each rank its columns. Raises ValueError, before anything is sent, for a net that has too few."""
        if (blocks := _blocks(params.num_neurons)) < self.size:
            raise ValueError(
                f"a net of {params.num_neurons} neurons has {blocks} blocks of {_ALIGNED} columns, too few for "
                f"{self.size} ranks"
            )
        arrays = state.arrays()
        matrices = {name: arrays.pop(name) for name in _MATRICES if name in arrays}
        return self.kernel("open", params, arrays, list(matrices), matrices=matrices)

    def kernel(self, what: str, *arguments: Any, matrices: Arrays | None = None) -> Sharded:
        """Have all ranks make another net, and return it."""
        number = next(self._numbers)
        self.ask(what, number, *arguments, matrices=matrices)
        kernel = Sharded(self, number)
        finalize(kernel, self._gone.append, number)
        return kernel

    def ask(self, what: str, number: int, *arguments: Any, matrices: Arrays | None = None) -> Any:
        """Have all ranks do it, and return what it is here. Raises KernelLost if one of them can't, from then on.

        Of `matrices`, which are here alone, each rank is sent its columns.
        """
        with self._turn:
            if self._lost is not None:
                raise KernelLost(self._lost)
            command = what, number, arguments, [self._gone.popleft() for _ in range(len(self._gone))]
            self._lost = (
                "the ranks were interrupted"  # until all is done: else they would take the next one for its end
            )
            try:
                self._tell(command)
                done = self._do(*command, matrices)
            except Exception as error:
                self._lost = f"a rank of the sharded net is lost: {_why(error)}"
                raise KernelLost(self._lost) from error
            self._lost = None
            return done

    def stop(self) -> None:
        """Let the other ranks end, if none is lost. There are no nets any more."""
        with self._turn:
            if self._lost is None:
                with suppress(RuntimeError):  # of one that is lost, which nobody has noticed
                    self._tell(None)
            self._lost = self._lost or "the ranks have stopped"
            self._leave()

    def _tell(self, command: Any) -> None:
        data = torch.frombuffer(bytearray(pickle.dumps(command)), dtype=torch.uint8)
        dist.broadcast(torch.tensor([len(data)]), 0, self._waiting)
        dist.broadcast(data, 0)

    def activity(self, number: int) -> Float32:
        """Return that of a net: every rank has all of it."""
        return self._shards[number].activity()

    # On the others:

    def work(self) -> None:
        """Do what rank 0 says until it says stop. Raises KernelLost if a rank is lost, or this one fails."""
        try:
            while (command := self._hear()) is not None:
                self._do(*command)
        except RuntimeError as error:
            raise KernelLost(f"rank {self.rank} cannot go on: {_why(error)}") from error
        finally:
            self._leave()

    def _hear(self) -> Any:
        length = torch.zeros(1, dtype=torch.int64)
        dist.broadcast(length, 0, self._waiting)
        data = torch.empty(int(length), dtype=torch.uint8)
        dist.broadcast(data, 0)
        return pickle.loads(data.numpy().tobytes())

    # On all:

    def _leave(self) -> None:
        self._shards.clear()
        _here.clear()

    def _do(
        self, what: str, number: int, arguments: tuple[Any, ...], gone: list[int], matrices: Arrays | None = None
    ) -> Any:
        for each in gone:
            del self._shards[each]
        if what == "open":
            self._shards[number] = self._opened(arguments, matrices or {})
        elif what == "fork":
            self._shards[number] = self._shards[arguments[0]].fork()
        elif what == "snapshot":
            return self._whole(self._shards[number])
        else:
            return getattr(self._shards[number], what)(*arguments)
        return None

    def _opened(self, told: tuple[Any, ...], matrices: Arrays) -> _Shard:
        params, arrays, names = told
        n = params.num_neurons
        columns = [_columns_of(rank, self.size, n) for rank in range(self.size)]
        own = columns[self.rank]
        for name in names:
            if self.rank == 0:
                for rank, theirs in enumerate(columns[1:], 1):
                    for rows in _messages(torch.from_numpy(matrices[name])[:, theirs]):
                        dist.send(_bytes(rows.contiguous()), rank)
                arrays = arrays | {name: matrices[name][:, own]}
            else:
                part = np.empty((n, own.stop - own.start), TABLE[name].dtype)
                for rows in _messages(torch.from_numpy(part)):
                    dist.recv(_bytes(rows), 0)
                arrays = arrays | {name: part}
        return _Shard(params, Tensors(State.of_arrays(arrays), self.device), columns, self.rank)

    def _whole(self, shard: _Shard) -> State:
        """Return the whole state on rank 0, and what is here on the others."""
        state = shard.snapshot()
        for name in _MATRICES:
            if (own := getattr(state, name)) is None:
                continue
            if self.rank:
                for rows in _messages(torch.from_numpy(own)):
                    dist.send(_bytes(rows), 0)
                continue
            whole = np.empty((len(own), len(own)), own.dtype)
            whole[:, shard.columns[0]] = own
            for rank in range(1, self.size):
                for rows in _messages(torch.from_numpy(whole)[:, shard.columns[rank]]):
                    part = torch.empty_like(rows, memory_format=torch.contiguous_format)
                    dist.recv(_bytes(part), rank)
                    rows.copy_(part)
            setattr(state, name, whole)
        return state


class _Shard(TorchDense):
    """The columns of one rank."""

    def __init__(self, params: Params, tensors: Tensors, columns: list[slice], rank: int) -> None:
        super().__init__(params, tensors)
        self.columns, self._rank = columns, rank
        self._columns = columns[rank]
        # What each rank sends is as long: its sums of U and, if some are dead, of what lives, and two extremes.
        widths, kinds = [each.stop - each.start for each in columns], 1 if tensors.alive is None else 2
        self._sent = torch.zeros(kinds * max(widths) + 2, device=tensors.device)
        self._sums = self._sent[:-2].view(kinds, -1)
        first = [torch.arange(width) + rank * len(self._sent) for rank, width in enumerate(widths)]
        rows = [torch.cat(first) + kind * max(widths) for kind in range(kinds)]
        self._places = torch.stack(rows).to(tensors.device)

    def fork(self) -> _Shard:
        fork = _Shard(self._params, self._tensors.fork(), self.columns, self._rank)
        fork._collects_afresh = True
        return fork

    def _joined(self, collected: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the sums and extremes of all columns, by the one all-gather of a tick."""
        self._sums[:, : collected.shape[1]] = collected[: len(self._sums)]
        self._sent[-2], self._sent[-1] = low, high
        received = self._sent.new_empty(len(self.columns), len(self._sent))
        dist.all_gather(list(received), self._sent)
        sums = received.view(-1)[self._places]
        if len(sums) == 1:  # where all lives, the sum of the sources is the same for each column
            sums = torch.cat([sums, collected[1:, :1].expand_as(sums)])
        return sums, received[:, -2].min(), received[:, -1].max()


class Sharded:
    """A net of the preset `literal` on rank 0."""

    name = "sharded"

    def __init__(self, ranks: Ranks, number: int) -> None:
        self._ranks, self._number = ranks, number

    def run(self, frames: SparseFrames, teachers: Float32 | None, rate: float) -> Float32:
        outputs: Float32 = self._ranks.ask("run", self._number, frames, teachers, rate)
        return outputs

    def respond(self) -> Float32:
        outputs: Float32 = self._ranks.ask("respond", self._number)
        return outputs

    def fork(self) -> Sharded:
        return self._ranks.kernel("fork", self._number)

    def swap(self, mind: ShortTerm) -> ShortTerm:
        before: ShortTerm = self._ranks.ask("swap", self._number, mind)
        return before

    def activity(self) -> Float32:
        return self._ranks.activity(self._number)

    def snapshot(self) -> State:
        state: State = self._ranks.ask("snapshot", self._number)
        return state


def open_sharded(params: Params, state: State) -> Sharded:
    """Open a net over the ranks that this process has joined. Raises ValueError if it can't be."""
    if params.preset != "literal":
        raise ValueError(f"device 'sharded' computes the preset literal alone, and this net's is {params.preset}")
    if not _here:
        raise ValueError("device 'sharded' needs ranks of torch.distributed, and this process has joined none")
    return _here[0].open(params, state)


def _why(error: Exception) -> str:
    """Return what has happened, without the place in the source of gloo and advice to its users."""
    line, *_ = str(error).splitlines() or [type(error).__name__]
    return re.sub(r"^\[\S*\] ", "", line).partition(". ")[0]


def _blocks(num_neurons: int) -> int:
    return -(-num_neurons // _ALIGNED)


def _columns_of(rank: int, size: int, num_neurons: int) -> slice:
    """Return the columns that a rank of `size` holds: whole blocks, but for the last one of all."""
    blocks = _blocks(num_neurons)
    first, after = (min(num_neurons, each * blocks // size * _ALIGNED) for each in (rank, rank + 1))
    return slice(first, after)


def _messages(matrix: Tensor) -> tuple[Tensor, ...]:
    """Return the rows of a matrix in parts that are sent one at a time."""
    size = max(1, _SENT // (matrix.shape[1] * matrix.element_size()))
    parts: tuple[Tensor, ...] = matrix.split(size)
    return parts


def _bytes(rows: Tensor) -> Tensor:
    return rows.view(torch.uint8)
