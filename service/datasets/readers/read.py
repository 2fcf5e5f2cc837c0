"""Read a file into batches, and check it against the net that it is for."""

from collections.abc import Iterator

from realnet.interface import Interface
from service.datasets.items import DatasetBatch, Pair, Text, Vectors, batches
from service.datasets.readers.csv import read_csv
from service.datasets.readers.findings import Findings
from service.datasets.readers.jsonl import read_jsonl_of_tokens, read_jsonl_of_vectors
from service.datasets.readers.npz import read_npz
from service.datasets.readers.txt import read_txt
from service.datasets.upload import Upload


def read(upload: Upload, interface: Interface, most_bytes: int, found: Findings) -> Iterator[DatasetBatch]:
    """Raises Invalid at the end of the file if anything is wrong with it, or as soon as `found` has had enough.

    What comes after the first problem is of no use, but still comes, so that no step takes long. Blocks: for a thread.
    """
    is_empty = True
    for batch in batches(_parts(upload, interface, most_bytes, found)):
        is_empty = False
        yield batch
    if is_empty and not found.places:
        found.add("there is nothing in it", "/file")
    found.check()


def _parts(upload: Upload, interface: Interface, most_bytes: int, found: Findings) -> Iterator[Text | Pair | Vectors]:
    vocabulary, widths = interface.vocabulary, (interface.inputs, interface.outputs)
    if vocabulary is not None:
        match upload.format:
            case "txt":
                yield from read_txt(upload, vocabulary, found)
            case "jsonl":
                yield from read_jsonl_of_tokens(upload, vocabulary, found)
            case _:
                found.add("this net takes tokens: send .txt or .jsonl", "/file")
    else:
        match upload.format:
            case "jsonl":
                yield from read_jsonl_of_vectors(upload, widths, found)
            case "csv":
                yield from read_csv(upload, widths, found)
            case "npz":
                yield from read_npz(upload, widths, most_bytes, found)
            case _:
                found.add("this net has no vocabulary: send .jsonl, .csv or .npz", "/file")
