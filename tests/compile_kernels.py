"""Compiles the kernels that most tests need, two at a time: else every worker of the tests compiles them all."""

import subprocess
import sys

MATRIX = "from realnet import create; [create(each).warm_up() for each in ('surprise', 'manifesto', 'literal')]"
DENDRITES = """
from realnet import create
from realnet.dendrites.compression import compress, decompress
create("dendrites").warm_up()
decompress(compress(b"a", "fast"))
"""

if __name__ == "__main__":
    compiling = [subprocess.Popen([sys.executable, "-c", program]) for program in (MATRIX, DENDRITES)]
    sys.exit(max(each.wait() for each in compiling))
