"""Compiles every kernel in Triton for a GPU, each form of it once, and prints what came of it: a line of JSON for each.

It is run in a process of its own, where Triton compiles and does not interpret; a GPU is not needed.
"""

import json
import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

for name in ("realnet", "realnet.kernels", "realnet.kernels.cuda"):
    package = ModuleType(name)  # its own `__init__` imports PyTorch, which takes longer than most of what follows
    package.__path__ = [str(Path(__file__).parents[3] / name.replace(".", "/"))]
    sys.modules[name] = package
dense, events, lists, rows = (
    import_module(f"realnet.kernels.cuda.{name}")
    for name in ("dense_kernels", "events_kernel", "events_lists", "events_rows")
)
read_, err_, learn_ = lists.read_, lists.err_, rows.learn_

_I32 = "n stride n_in n_out parts row_blocks tiles has_teachers ticks hidden winners count"
_FP32 = "beta kappa hidden_ratio hidden_kappa margin_slope threshold_rate eta a b"
TYPES = {
    "scale": "*fp64",
    "rate": "*fp64",
    "clock": "*i64",
    "offsets": "*i64",
    "alive": "*u8",
    **dict.fromkeys(("flags", "pruned", "index", "frame_index"), "*i32"),
    **dict.fromkeys(_I32.split(), "i32"),
    **dict.fromkeys(_FP32.split(), "fp32"),
}


@triton.jit  # type: ignore[untyped-decorator]
def clamp_(  # type: ignore[no-untyped-def]
    U, alive, pruned, n, n_out, a, b, index, value, count, gain, teacher, said, kappa, extremes, beta, eta, sums,
    ROWS: tl.constexpr, COLS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Do what `live_` does by the readout `clamp` otherwise than by `softmax`, once."""
    read_(sums, n_out, beta, said, False, BLOCK)
    tl.debug_barrier()
    err_(teacher, said, index, value, n, eta, gain, n_out, False, BLOCK)
    tl.debug_barrier()
    low, high, now_low, now_high = learn_(
        U, alive, tl.load(pruned), n, n_out, a, b, index, value, count, gain, teacher, said, kappa, extremes, n,
        False, ROWS, COLS,
    )  # fmt: skip
    tl.store(sums, tl.minimum(low, now_low) + tl.maximum(high, now_high))


def compile_(kernel: Any, how: dict[str, Any], **constants: Any) -> None:
    constants = {name: value for name, value in constants.items() if name in kernel.arg_names}
    signature = {name: TYPES.get(name, "*fp32") for name in kernel.arg_names} | dict.fromkeys(constants, "constexpr")
    made = triton.compile(ASTSource(kernel, signature, constants), target=GPUTarget("cuda", 90, 32), options=how).asm
    places = re.findall(r"tt\.addptr .*, tensor<\d+x\d+x(i\d+)", made["ttgir"])
    found = {
        "kernel": kernel.__name__,
        "has code": len(made["cubin"]) > 0,
        "atomics": "atom." in made["ptx"],
        "rounds once": "fma.rn.f32" in made["ptx"],
        "barriers": made["ttgir"].count("ttg.barrier"),
        "places": sorted(set(places)),  # in matrices
    }
    print(json.dumps(found))


triton.knobs.nvidia.dump_ptxas_log = True  # what is spilled
triton.runtime.cache.triton_key = lambda: "this version"  # or it reads all of itself, to know what it compiled before
HOW: dict[str, Any] = {"enable_fp_fusion": True}
TILE = {"ROWS": 512, "STEP": 16, "COLUMNS": 128, "PARTS": 256}
ONES = {"n_in": 1, "n_out": 1, "parts": 1, "row_blocks": 1, "tiles": 1}  # Triton makes constants of what is 1
compile_(dense.learn_and_collect, HOW, IS_TICK=True, IS_PRUNED=True, **TILE)
compile_(dense.learn_and_collect, HOW, IS_TICK=True, IS_PRUNED=False, **TILE, **ONES)
compile_(dense.learn_and_collect, HOW, IS_TICK=False, IS_PRUNED=False, **TILE)
compile_(dense.settle, HOW, IS_TICK=True, JOINED=16, TILES=1024, COLUMNS=64, **ONES)
compile_(dense.settle, HOW, IS_TICK=False, JOINED=16, TILES=1024, COLUMNS=64)
compile_(dense.speak, HOW, COLUMNS=64, PARTS=256, **ONES)

HOW = {"num_warps": 4, "num_stages": 1, "enable_fp_fusion": False}
TILE = {"ROWS": 8, "COLS": 256, "BLOCK": 1024}
compile_(events.live_, HOW, SOFTMAX=True, **TILE)
compile_(events.measure_nets_, HOW, **TILE)
compile_(clamp_, HOW, **TILE)
