"""What each preset learns of a stream in one pass, beside its peers and compressors: bits, accuracy and speed.

    python -m benchmarks.learning
    python -m benchmarks.learning --streams p0 --file a.log --file b.txt --json rows.json --picture bits.svg

Each byte is predicted before it is learnt. The constants of `surprise` were chosen on p0, those of `dendrites` on p0
and other texts, some Python source among them; nothing was chosen on the other streams.
"""

import argparse
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.learners import SLOW, Row, learners
from benchmarks.picture import draw
from benchmarks.programs import compress, programs
from benchmarks.streams import NAMES, stream


def measured(streams: Iterable[str], with_peers: bool) -> Iterator[Row]:
    for name in streams:
        data, short = stream(name), Path(name).name
        for learn, slow in learners(with_peers).values():
            if len(data) <= SLOW or not slow:
                yield learn(short, data)
        for program in programs():
            yield compress(program, short, data)


def table_of(rows: list[Row]) -> Table:
    columns = "stream", "learner", "bits a byte", "accuracy", "second half", "bytes a second of a core", "with the best"
    table = Table(*columns, box=None)
    last = ""
    for row in rows:
        shares = (f"{share:.3f}" if share is not None else "" for share in (row.accuracy, row.second_half))
        speeds = (f"{speed:,.0f}" if speed is not None else "" for speed in (row.per_second, row.with_best))
        title = f"{row.stream}, {row.bytes:,}" if row.stream != last else ""
        table.add_row(title, row.learner, "" if row.bits is None else f"{row.bits:.3f}", *shares, *speeds)
        last = row.stream
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", nargs="*", default=NAMES, choices=NAMES)
    parser.add_argument("--file", action="append", default=[], help="a stream of your own; may be given several times")
    parser.add_argument("--skip-peers", action="store_true")
    parser.add_argument("--json", type=Path, help="where the rows are written")
    parser.add_argument("--picture", type=Path, help="where an SVG of the bits is written")
    options = parser.parse_args()
    rows = []
    for row in measured([*options.streams, *options.file], not options.skip_peers):
        rows.append(row)
        if options.json:  # after each, so that a run that is ended has what it measured
            options.json.write_text(json.dumps([asdict(each) for each in rows], indent=1) + "\n")
    print(f"numpy {np.__version__}, {os.cpu_count()} cores; slow learners only on streams of at most {SLOW:,} bytes")
    Console(width=130).print(table_of(rows))
    if options.picture:
        options.picture.write_text(draw(rows))


if __name__ == "__main__":
    main()
