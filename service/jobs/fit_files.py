"""Write what a fit's process reads."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from service.aio import in_thread
from service.datasets.catalog import DatasetCatalog
from service.datasets.items import DatasetBatch, Pairs, Texts
from service.datasets.manifest import Dataset
from service.jobs.process import FORK, OPTIONS


async def write_data(directory: Path, catalog: DatasetCatalog, dataset: Dataset, tokens: int | None) -> None:
    """Write a data set as `.npy` files; `tokens` is the size of the vocabulary, None for a net of frames.

    Texts follow each other without anything between, as if they were one; so do pairs, each input before its target.
    """
    shapes: dict[str, tuple[int | None, ...]]
    if tokens is not None:
        kind, shapes = np.min_scalar_type(tokens - 1), {"tokens": (dataset.tokens,)}
    else:
        kind = np.dtype(np.float32)
        shapes = {"inputs": (dataset.pieces, dataset.inputs), "targets": (dataset.pieces, dataset.outputs)}
    with ExitStack() as stack:
        files = [stack.enter_context(_npy(directory / f"{name}.npy", kind, shape)) for name, shape in shapes.items()]
        async for batch in catalog.read(dataset.id):
            await in_thread(lambda batch=batch: _append(files, batch, kind))  # type: ignore[misc]


def write_fork(directory: Path, snapshot: bytes, options: dict[str, Any]) -> None:
    """Write the snapshot that is to be fitted, and the options."""
    (directory / FORK).write_bytes(snapshot)
    (directory / OPTIONS).write_text(json.dumps(options), encoding="utf-8")


@contextmanager
def _npy(path: Path, kind: "np.dtype[Any]", shape: tuple[int | None, ...]) -> Iterator[BinaryIO]:
    """Open a `.npy` file with its header written; the numbers follow."""
    header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        yield file


def _append(files: list[BinaryIO], batch: DatasetBatch, kind: "np.dtype[Any]") -> None:
    for file, rows in zip(files, _rows(batch), strict=True):
        file.write(np.ascontiguousarray(rows, kind).data)


def _rows(batch: DatasetBatch) -> list[NDArray[Any]]:
    if isinstance(batch, Texts):
        return [np.concatenate([text.tokens for text in batch.pieces])]
    if isinstance(batch, Pairs):
        return [np.concatenate([side for pair in batch.pairs for side in (pair.input, pair.target)])]
    return [batch.inputs, batch.targets]
