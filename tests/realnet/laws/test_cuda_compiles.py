"""Triton's compiler takes the kernels and makes machine code for a GPU of them; no GPU is needed for that."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

_COMPILE = """
import sys, triton
from importlib.util import module_from_spec, spec_from_file_location
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

spec = spec_from_file_location("kernels", sys.argv[1])  # its package imports PyTorch
kernels = module_from_spec(spec)
spec.loader.exec_module(kernels)

TYPES = {"alive": "*u8", "scale": "*fp64", "rate": "*fp64", "clock": "*i64", "flags": "*i32"}
SIZES = "n", "stride", "n_in", "n_out", "parts", "row_blocks", "tiles"

def compiled(name, **constants):
    kernel = getattr(kernels, name)
    signature = {
        each: "constexpr" if each in constants else "i32" if each in SIZES else TYPES.get(each, "*fp32")
        for each in kernel.arg_names
    }
    made = triton.compile(ASTSource(kernel, signature, constants), target=GPUTarget("cuda", 90, 32)).asm
    print(name, *constants.values(), len(made["cubin"]) > 0, "atom." in made["ptx"], "st.local" in made["ptx"])

for is_tick, is_pruned in ((True, False), (True, True), (False, True)):
    compiled("learn_and_collect", IS_TICK=is_tick, IS_PRUNED=is_pruned, ROWS=512, STEP=16, COLUMNS=128, PARTS=256)
for is_tick in (True, False):
    compiled("settle", IS_TICK=is_tick, JOINED=16, TILES=1024, COLUMNS=64)
compiled("speak", COLUMNS=64, PARTS=256)
"""


@pytest.mark.skipif(find_spec("triton") is None, reason="no Triton")
def test_every_kernel_compiles_for_a_gpu(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    run = subprocess.run(
        [sys.executable, "-c", _COMPILE, "realnet/kernels/cuda/dense_kernels.py"],
        env=environment | {"TRITON_CACHE_DIR": str(tmp_path)},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) == 6
    for line in run.stdout.splitlines():
        assert line.endswith(" True False False"), "machine code, without atomics, and nothing is spilled"
