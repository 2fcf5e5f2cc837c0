"""`.npz`: numbers of any kind come out exactly; nothing is unpickled, and no bomb goes off."""

import io
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from service.errors import Invalid
from tests.datasets.dataset_reading import FRAMES, batches, places, rows


def saved(compressed: bool = True, **arrays: Any) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "f2", "u1", "<i8", "?"])
def test_arrays_of_any_numbers(compressed: bool, dtype: str) -> None:
    generator = np.random.default_rng(0)
    both = (generator.random((9_000, 5)) if "f" in dtype else generator.integers(0, 2, (9_000, 5))).astype(dtype)
    content = saved(compressed, inputs=both[:, :3], targets=np.ascontiguousarray(both[:, 3:]), more=np.zeros(3))
    if both[:, :3].flags.f_contiguous:
        pytest.skip("would be saved by columns")
    assert rows(batches(content, "npz", FRAMES)) == both.astype(np.float32).tolist()


ONES = {"inputs": np.ones((50, 3)), "targets": np.ones((50, 2))}


def changed(name: str, index: tuple[int, int], value: float) -> np.ndarray[Any, Any]:
    array = ONES[name].copy()
    array[index] = value
    return array


@pytest.mark.parametrize(
    ("arrays", "pointers"),
    [
        ({"inputs": changed("inputs", (49, 2), np.nan)}, ["/file/inputs/49/2"]),
        ({"inputs": changed("inputs", (3, 0), 1.01)}, ["/file/inputs/3/0"]),
        ({"targets": changed("targets", (0, 1), -0.01)}, ["/file/targets/0/1"]),
        ({"targets": changed("targets", (7, 1), np.inf)}, ["/file/targets/7/1"]),
        ({"targets": np.ones((49, 2))}, ["/file/targets"]),
        ({"inputs": np.ones((50, 2)), "targets": np.ones((50, 3))}, ["/file/inputs", "/file/targets"]),
        ({"inputs": np.ones(150)}, ["/file/inputs"]),
        ({"inputs": np.ones((50, 3, 1))}, ["/file/inputs"]),
        ({"inputs": np.ones((0, 3)), "targets": np.ones((0, 2))}, ["/file/inputs", "/file/targets"]),
        ({"inputs": np.ones((3, 50)).T}, ["/file/inputs"]),
        ({"inputs": np.ones((50, 3), object)}, ["/file/inputs"]),
        ({"inputs": np.ones((50, 3), complex)}, ["/file/inputs"]),
        ({"inputs": np.full((50, 3), "1")}, ["/file/inputs"]),
        ({"inputs": np.zeros((50, 3), [("a", "f4")])}, ["/file/inputs"]),
        ({"inputs": np.zeros((50, 3), [("a", "O")])}, ["/file/inputs"]),
        ({"inputs": np.zeros((50_000, 3)), "targets": np.zeros((50_000, 2))}, ["/file"]),  # more than MOST
    ],
)
def test_wrong_arrays(arrays: dict[str, np.ndarray[Any, Any]], pointers: list[str]) -> None:
    assert [place["pointer"] for place in places(saved(**(ONES | arrays)), "npz", FRAMES)] == pointers


def test_arrays_by_other_names() -> None:
    found = places(saved(x=ONES["inputs"], targets=ONES["targets"]), "npz", FRAMES)
    assert [place["pointer"] for place in found] == ["/file/inputs"]


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def header(description: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(description)) + description.encode()


def of_ones(name: str) -> bytes:
    file = io.BytesIO()
    np.save(file, ONES[name])
    return file.getvalue()


def with_directory_of(entries: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(entries):
            archive.writestr(f"{number}", b"")
    return file.getvalue()


GOOD = zipped(inputs=of_ones("inputs"), targets=of_ones("targets"))


def hostile() -> Iterator[bytes | Callable[[], bytes]]:
    yield b"not a zip"
    yield b""
    yield GOOD[:-30]
    yield GOOD[len(GOOD) // 2 :]
    yield zipped(inputs=b"", targets=of_ones("targets"))
    yield zipped(inputs=b"\x93NUMPY\x09\x09", targets=of_ones("targets"))
    yield zipped(inputs=b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(30_000_000), targets=of_ones("targets"))
    shape = "'fortran_order': False, 'shape': (50, 3)}\n"
    yield zipped(inputs=header("{'descr': '<f8', " + shape), targets=of_ones("targets"))  # and no row
    yield zipped(inputs=header("(" * 9_000), targets=of_ones("targets"))
    yield zipped(inputs=header("-" * 9_000 + "1"), targets=of_ones("targets"))
    yield zipped(inputs=header("__import__('os').abort()"), targets=of_ones("targets"))
    yield lambda: with_directory_of(100_000)  # made by its test: it takes seconds
    encrypted = bytearray(GOOD)
    encrypted[encrypted.rindex(b"PK\x01\x02", 0, encrypted.rindex(b"PK\x01\x02")) + 8] |= 1
    yield bytes(encrypted)


@pytest.mark.parametrize("content", list(hostile()))
def test_a_hostile_archive_is_no_archive_and_takes_no_memory(content: bytes | Callable[[], bytes]) -> None:
    content = content if isinstance(content, bytes) else content()
    tracemalloc.start()
    try:
        (place,) = places(content, "npz", FRAMES)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()
    assert place == {"detail": "not a .npz file that can be read", "pointer": "/file"}


def test_a_bomb_that_says_that_it_is_small() -> None:
    """10 MB of zeros after rows that are right; the directory says that there are none."""
    array = of_ones("inputs")
    bomb = bytearray(zipped(inputs=array + bytes(10_000_000), targets=of_ones("targets")))
    assert rows(batches(bytes(bomb), "npz", FRAMES)) == [[1.0] * 5] * 50  # more than was asked for is not read
    entry = bomb.index(b"PK\x01\x02")
    bomb[entry + 24 : entry + 28] = struct.pack("<I", len(array) - 8)
    (place,) = places(bytes(bomb), "npz", FRAMES)
    assert place["pointer"] == "/file"


def test_any_damage_is_refused_or_harmless() -> None:
    generator = random.Random(0)
    original = saved(True, **ONES)
    refused = 0
    for _ in range(1500):
        damaged = bytearray(original)
        for _ in range(generator.randint(1, 4)):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        try:
            batches(bytes(damaged), "npz", FRAMES)
        except Invalid:
            refused += 1
    assert refused > 500
