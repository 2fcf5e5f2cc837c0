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
    constants = {each: value for each, value in constants.items() if each in kernel.arg_names}
    signature = {
        each: "constexpr" if each in constants else "i32" if each in SIZES else TYPES.get(each, "*fp32")
        for each in kernel.arg_names
    }
    source = ASTSource(kernel, signature, constants)
    made = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"enable_fp_fusion": True}).asm
    places = [line for line in made["ttgir"].splitlines() if "tt.addptr" in line and "tensor<16x128x" in line]
    assert bool(places) == (name == "learn_and_collect")
    assert all("tensor<16x128xi64" in line for line in places), "in a matrix of more than 2^31"
    assert made["cubin"]
    assert "atom." not in made["ptx"]
    assert "st.local" not in made["ptx"], "registers are spilled"
    print(name)

SMALL = dict(n_in=1, n_out=1, parts=1, row_blocks=1, tiles=1)  # Triton makes constants of what is 1
for is_tick, is_pruned, sizes in ((True, True, {}), (True, False, SMALL), (False, False, {})):
    tile = dict(ROWS=512, STEP=16, COLUMNS=128, PARTS=256)
    compiled("learn_and_collect", IS_TICK=is_tick, IS_PRUNED=is_pruned, **tile, **sizes)
for is_tick, sizes in ((True, SMALL), (False, {})):
    compiled("settle", IS_TICK=is_tick, JOINED=16, TILES=1024, COLUMNS=64, **sizes)
compiled("speak", COLUMNS=64, PARTS=256, **SMALL)
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
    assert run.stdout.split() == ["learn_and_collect"] * 3 + ["settle"] * 2 + ["speak"]
