"""Compressors, those that are installed: a predictor is one, so its bits stand beside theirs."""

import re
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.learners import Row

# Each writes OUT from IN. They may see the whole stream at once.
_COMMANDS = {
    "xz -9e": "xz -9e -k -c IN > OUT",
    "bzip2 -9": "bzip2 -9 -k -c IN > OUT",
    "7z, PPMd order 6": "7z a -m0=PPMd:o=6:mem=256m OUT IN",
    "7z, PPMd order 16": "7z a -m0=PPMd:o=16:mem=256m OUT IN",
    "zpaq -m5": "zpaq a OUT IN -m5 -t1",
    "lpaq1 8": "lpaq1 8 IN OUT",
}
_ENDINGS = {"7z": ".7z", "zpaq": ".zpaq"}


def programs() -> list[str]:
    """Return the names of those that are installed."""
    return [name for name, command in _COMMANDS.items() if shutil.which(command.split()[0])]


def compress(name: str, stream: str, data: bytes) -> Row:
    """Run a program on a file with this data."""
    command = _COMMANDS[name]
    with tempfile.TemporaryDirectory() as directory:
        out = f"out{_ENDINGS.get(command.split()[0], '')}"
        (Path(directory) / "in").write_bytes(data)
        began = _seconds()
        line = command.replace("IN", "in").replace("OUT", out)
        subprocess.run(line, shell=True, cwd=directory, check=True, capture_output=True)
        seconds = _seconds() - began
        size = (Path(directory) / out).stat().st_size
        if command.startswith("7z"):  # without the archive's own header
            listed = subprocess.run(["7z", "l", "-slt", out], cwd=directory, check=True, capture_output=True, text=True)
            size = int(re.findall(r"^Packed Size = (\d+)", listed.stdout, re.MULTILINE)[-1])
    return Row(stream, len(data), name, bits=8 * size / len(data), per_second=len(data) / seconds)


def _seconds() -> float:
    """Return how long a core has worked for the programs that were run: the machine may do other things as well."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
