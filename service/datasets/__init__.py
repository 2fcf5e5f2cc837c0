"""Data sets: files read and checked, and kept in one form whatever they were."""

from service.datasets.catalog import DatasetCatalog
from service.datasets.items import PIECE_TOKENS, Batch, Pair, Pairs, Text, Texts, Vectors
from service.datasets.manifest import Dataset, DatasetDamaged, DatasetInUse, DatasetsFull
from service.datasets.upload import Upload

__all__ = [
    "PIECE_TOKENS",
    "Batch",
    "Dataset",
    "DatasetCatalog",
    "DatasetDamaged",
    "DatasetInUse",
    "DatasetsFull",
    "Pair",
    "Pairs",
    "Text",
    "Texts",
    "Upload",
    "Vectors",
]
