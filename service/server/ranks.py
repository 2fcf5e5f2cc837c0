"""The processes that torchrun starts for one net: rank 0 serves, the others compute with it."""

import logging
import os
import signal
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from service.runtime.birth import CannotStart

if TYPE_CHECKING:
    from realnet.kernels.sharded import Ranks

_PATIENCE = timedelta(seconds=30)  # of a rank within a command, until it gives another one up
_IDLE = timedelta(days=3650)  # until the next command
_MEETING = timedelta(minutes=5)  # until all ranks have started
_VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # that torchrun sets
_logger = logging.getLogger(__name__)


def join(**where: Any) -> "Ranks":
    """Join the others on a GPU of this rank's own, or on the CPUs where there is none. Raises CannotStart.

    `where`, of `init_process_group`, is for tests, on CPUs; without it the ranks are those that torchrun has started.
    """
    try:
        import torch
        import torch.distributed as dist
    except ModuleNotFoundError as error:
        why = "device sharded needs PyTorch, which is not installed here: pip install 'realnet-live[torch]'"
        raise CannotStart(why) from error
    if not where and any(name not in os.environ for name in _VARIABLES):
        raise CannotStart(
            "device sharded is computed by processes that torchrun starts: "
            "`torchrun --nproc-per-node 2 --no-python realnet serve --device sharded --preset literal …`"
        )
    device, gpus = torch.device("cpu"), 0 if where else torch.cuda.device_count()
    if gpus:
        if (local := dist.get_node_local_rank(0)) >= gpus:
            raise CannotStart(f"there are {gpus} GPUs here, and more ranks: --nproc-per-node {gpus} at most")
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    try:
        if not where:
            rank, size, host, port = (os.environ[name] for name in _VARIABLES)
            # Not at torchrun's own port: what is kept there outlives the ranks, and a restart would find old addresses.
            place = host, int(port) + 1, int(size), rank == "0"
            store = dist.TCPStore(*place, timeout=_MEETING)  # type: ignore[attr-defined]
            where = {"store": store, "rank": int(rank), "world_size": int(size)}
        dist.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=_PATIENCE, **where)
        waiting = dist.new_group(backend="gloo", timeout=_IDLE)
    except (RuntimeError, ValueError) as error:
        raise CannotStart(f"the ranks do not find each other: {str(error).splitlines()[0]}") from error
    assert waiting is not None

    from realnet.kernels.sharded import Ranks

    ranks = Ranks(device, waiting, Lock())
    _logger.info("rank %d of %d, on %s, is process %d", ranks.rank, ranks.size, device, os.getpid())
    return ranks


def work(ranks: "Ranks") -> None:
    """Compute with rank 0 until it stops. Raises KernelLost if a rank is lost, or this one fails.

    A signal to stop is for rank 0, which still needs this one for its last snapshot.
    """
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, signal.SIG_IGN)
    ranks.work()
