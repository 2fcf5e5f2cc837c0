"""Imports point one way, and the library stays out of the world."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A module may import from the lines below its own, and from its own package.
LAYERS = [
    line.split()
    for line in """
    service.cli
    service.cli_stream service.cli_keys service.cli_jobs service.cli_datasets
    service.cli_follow service.cli_request
    service.client service.server service.cli_words
    service.app service.connections
    service.gate
    service.routes
    service.streams service.metrics
    service.watch service.logs
    service.auth
    service.recovery
    service.uploads
    service.jobs
    service.protocol service.clients service.snapshotter service.generation service.idempotency
    service.schemas
    service.engine service.snapshots service.datasets
    service.agenda service.replay service.talks
    service.work
    service.inbox service.outputs service.outbox service.status
    service.commands service.modes service.settings
    service.ledger
    service.experience
    service.journal service.episodes service.adoption
    service.problems service.records
    service.keys service.threads
    service.store service.fit_process
    realnet
    realnet.training
    realnet.utils
    realnet.learners
    realnet.tokens
    realnet.frames
    realnet.live realnet.interface
    realnet.inputs realnet.outputs realnet.tokens.vocabulary realnet.score
    realnet.checkpoint realnet.kernels
    realnet.core
    """.strip().splitlines()
]
LAYER_OF = {name: depth for depth, layer in enumerate(LAYERS) for name in layer}
MODULES = sorted(path for package in ("realnet", "service") for path in (ROOT / package).rglob("*.py"))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            # `from package import module` names a module, too.
            submodules = [f"{node.module}.{name.name}" for name in node.names]
            found = [name for name in submodules if (ROOT / name.replace(".", "/")).with_suffix(".py").exists()]
            yield from found or [str(node.module)]


def part_of(module: str) -> str:
    """The longest name in LAYERS that is the module or a package around it."""
    return max((name for name in LAYER_OF if module == name or module.startswith(f"{name}.")), key=len)


@pytest.mark.parametrize("path", MODULES, ids=module_of)
def test_imports_point_down(path: Path) -> None:
    if module_of(path) == "service":
        return
    part = part_of(module_of(path))
    for name in imports(path):
        if name.split(".")[0] in ("realnet", "service"):
            other = part_of(name)
            assert other == part or LAYER_OF[other] > LAYER_OF[part], f"{module_of(path)} imports {name}"


WORLDLY = {"asyncio", "threading", "multiprocessing", "socket", "time", "datetime", "os", "subprocess", "logging"}


@pytest.mark.parametrize("path", [path for path in MODULES if module_of(path).startswith("realnet")], ids=module_of)
def test_the_library_knows_no_threads_sockets_clock_or_environment(path: Path) -> None:
    assert not WORLDLY & {name.split(".")[0] for name in imports(path)}


def test_the_cpu_path_does_without_torch() -> None:
    """It would add some 200 MB to a server that never uses it."""
    program = "import sys, service.app, realnet; realnet.TokenLearner.create().run([1]); print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
