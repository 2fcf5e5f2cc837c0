"""Imports point one way, and the pure parts stay out of the world."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]

# A package, or a module beside the packages, imports only from those behind it in its line.
SERVICE = ["cli", "cluster", "server", "app", "api", "nets", "runtime", "settings", "telemetry", "jobs", "datasets"]
SERVICE += [
    "snapshots",
    "links",
    "hooks",
    "streams",
    "watch",
    "engine",
    "replica",
    "journal",
    "speed",
    "auth",
    "validation",
    "peers",
    "errors",
    "store",
    "strands",
    "aio",
]
REALNET = [
    "client",
    "estimators",
    "compat",
    "streams",
    "learners",
    "training",
    "utils",
    "dendrites",
    "tokens",
    "frames",
    "interface",
    "vocabulary",
    "stops",
    "inputs",
    "outputs",
    "score",
]
REALNET += ["fit_options", "dream", "many", "live", "shown", "checkpoint", "kernels", "core"]

# What the library, and the interpreter of the journal, must do without: the same input always gives the same result.
WORLDLY = {"asyncio", "threading", "multiprocessing", "socket", "time", "datetime", "os", "subprocess", "logging"}

MODULES = sorted(path for package in ("realnet", "service") for path in (ROOT / package).rglob("*.py"))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.append(str(node.module))
    return found


def test_imports_point_one_way() -> None:
    for path in MODULES:
        root, _, rest = module_of(path).partition(".")
        order = SERVICE if root == "service" else REALNET
        package = rest.partition(".")[0]
        for name in imports(path):
            other_root, _, other = name.partition(".")
            other = other.partition(".")[0]
            if other_root == root and package and other != package:
                assert order.index(other) > order.index(package), f"{module_of(path)} imports {name}"
            assert not (root == "realnet" and other_root == "service"), f"{module_of(path)} imports {name}"


CLIENT = [path for path in MODULES if module_of(path).startswith("realnet.client")]
PURE = [path for path in MODULES if module_of(path).startswith(("realnet", "service.replica")) and path not in CLIENT]


def test_what_is_pure_knows_no_threads_sockets_clock_or_environment() -> None:
    for path in PURE:
        assert not WORLDLY & {name.split(".")[0] for name in imports(path)}, module_of(path)


def test_the_client_is_the_command_s_alone() -> None:
    for path in MODULES:
        if path not in CLIENT and not module_of(path).startswith("service.cli"):
            assert not any(name.startswith("realnet.client") for name in imports(path)), module_of(path)


def test_the_client_loads_neither_the_net_nor_the_server() -> None:
    program = "import sys, realnet.client; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    own = {name for name in loaded if name.startswith("realnet.") and not name.startswith("realnet.client")}
    assert not own | loaded & {"numba", "numpy", "torch", "pydantic", "service"}


def test_the_cpu_path_does_without_torch() -> None:
    """It would add some 200 MB to a server that never uses it."""
    program = "import sys, service.app, realnet; realnet.TokenLearner.create().run([1]); print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
