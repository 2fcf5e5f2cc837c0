"""The loop that blocking clients wait for."""

import subprocess
import sys

PROGRAM = """
import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from realnet.client.blocking import run

async def here():
    return asyncio.get_running_loop()

def first_call(_):
    barrier.wait()
    return run(here())

sys.setswitchinterval(1e-6)
barrier = Barrier(16)
with ThreadPoolExecutor(16) as threads:
    print(len(set(threads.map(first_call, range(16)))))
"""


def test_first_calls_of_several_threads_share_one_loop() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert ended.stdout == "1\n"
