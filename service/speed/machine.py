"""What this machine carries: ticks a second by preset, size, device and threads."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

from realnet.core.state import Preset
from realnet.dendrites.wiring import VARIANTS
from service.speed.bandwidth import bytes_of, in_place, in_place_on
from service.speed.cores import cores
from service.speed.device import CPU, GPU, sees_gpu
from service.speed.timing import Work, fastest
from service.speed.works import dendrites, matrix_net

AnyPreset: TypeAlias = Preset | Literal["dendrites"]

ALL: tuple[AnyPreset, ...] = ("dendrites", "surprise", "manifesto", "literal")
SIZES = (256, 1024, 4096)
_SECONDS = 1.0  # of all that takes turns
_COPIES = 5  # of a matrix that a net of each thread count, its birth and the bandwidth need in memory

_Place: TypeAlias = tuple[str, int]  # a device, and how many threads


class Row(NamedTuple):
    """What one net does.

    Attributes:
        net: the variant of `dendrites`, or how many neurons there are.
        ticks_per_second: of `dendrites` tokens.
        bandwidth: of `literal`: the bytes a second that the same place carries of a matrix of that size, read and
            written; None of other presets, which touch a part of it.
        share: how much of that the tick reaches.
    """

    preset: AnyPreset
    net: str | int
    device: str
    threads: int
    ticks_per_second: float
    bandwidth: float | None = None
    share: float | None = None


def memory_of(neurons: int) -> int:
    """Return how many bytes measuring nets of this size takes at most."""
    return _COPIES * bytes_of(neurons) // 2


def rows_of(presets: Sequence[AnyPreset], sizes: Sequence[int], tell: Callable[[str], object]) -> Iterator[Row]:
    """Yield a row for each net and each place that can compute it. What is measured now is told first."""
    places = [(CPU, 1)] + [(CPU, 2)] * (cores() > 1) + [(GPU, 1)] * sees_gpu()
    for preset in presets:
        if preset == "dendrites":
            for variant in VARIANTS:
                tell(f"{preset}, {variant}")
                [seconds] = fastest({variant: dendrites(variant)}, _SECONDS).values()
                yield Row(preset, variant, CPU, 1, 1 / seconds)
        else:
            for neurons in sizes:
                tell(f"{preset}, {neurons:,} neurons")
                yield from _of_matrix(preset, neurons, places)


def _of_matrix(preset: Preset, neurons: int, places: Sequence[_Place]) -> Iterator[Row]:
    is_dense = preset == "literal"
    used = [(device, threads) for device, threads in places if is_dense or threads == 1]
    works: dict[tuple[str, _Place], Work] = {("ticks", place): matrix_net(preset, neurons, *place) for place in used}
    if is_dense:
        works |= {("scales", place): _in_place(neurons, place) for place in used}
    taken = fastest(works, _SECONDS)
    for device, threads in used:
        seconds, scaled = taken["ticks", (device, threads)], taken.get(("scales", (device, threads)))
        told = () if scaled is None else (bytes_of(neurons) / scaled, scaled / seconds)
        yield Row(preset, neurons, device, threads, 1 / seconds, *told)


def _in_place(neurons: int, place: _Place) -> Work:
    device, threads = place
    return in_place(neurons, threads) if device == CPU else in_place_on(neurons, device)
