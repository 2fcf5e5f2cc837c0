"""Ticks a second of a net over several processes: `torchrun --nproc-per-node 2 -m benchmarks.ranks [N …]`.

Every tick has a frame and a teacher and learns. Of each size the best and the median of the rounds are told and, since
others may share the cores, how long rank 0 computed in a tick. The all-gather is timed by itself, with as many numbers
as a tick of that size sends.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.distributed as dist

from realnet import LiveNet
from service.server.ranks import join

_ROUNDS, _SECONDS = 7, 2.0
_GATHERS = 2_000


def _rates(run: Callable[[int], None], first: int) -> list[float]:
    """Run rounds of about two seconds, after one of `first`, and return how many a second there were in each."""
    begun = time.perf_counter()
    run(first)
    count = max(1, round(_SECONDS * first / (time.perf_counter() - begun)))
    rates = []
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        run(count)
        rates.append(count / (time.perf_counter() - begun))
    return sorted(rates)


def _gather_seconds(neurons: int, size: int, device: torch.device) -> float:
    """Return the median of an all-gather as a tick has it. All ranks call it."""
    own = torch.zeros(-(-neurons // size) + 2, device=device)
    received, seconds = own.new_empty(size, len(own)), []
    for _ in range(_GATHERS):
        begun = time.perf_counter()
        dist.all_gather(list(received), own)
        received[0, 0].item()  # waits for a GPU
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def _run(neurons: int) -> Callable[[int], None]:
    net = LiveNet(neurons, range(64), range(neurons - 10, neurons), "literal", device="sharded")
    random = np.random.default_rng(0)

    def run(ticks: int) -> None:
        net.run(random.random((ticks, 64)), random.random((ticks, 10)))

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("neurons", type=int, nargs="*", default=[4096, 8192])
    sizes = parser.parse_args().neurons
    ranks = join()
    gathers = [_gather_seconds(neurons, ranks.size, ranks.device) for neurons in sizes]
    if ranks.rank:
        ranks.work()
        return
    for neurons, seconds in zip(sizes, gathers, strict=True):
        run = _run(neurons)
        rates = _rates(run, 4)
        begun = time.process_time()
        run(16)
        print(
            f"{neurons} neurons on {ranks.size} of {ranks.device.type}: {rates[-1]:.1f} ticks a second at best, "
            f"{statistics.median(rates):.1f} in the median; rank 0 computes for "
            f"{1e3 * (time.process_time() - begun) / 16:.0f} ms a tick; an all-gather takes {1e6 * seconds:.0f} us"
        )
    ranks.stop()


if __name__ == "__main__":
    main()
