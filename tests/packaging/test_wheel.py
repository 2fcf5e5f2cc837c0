"""The wheel, installed in a clean environment and started from another folder, as a user does."""

import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.faults.story import IS_SHORT
from tests.jobs.client import begin, end_of, upload
from tests.running_server import ProcessServer

ROOT = Path(__file__).parents[2]
TEXT = "the cat sat on the mat, and the dog sat on the log; " * 40


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment with the wheel; its dependencies are those of this one."""
    directory = tmp_path_factory.mktemp("wheel")
    wheel, environment = build_wheel(directory), directory / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    pip("--python", str(environment / "bin/python"), "install", "--no-deps", str(wheel))
    [packages] = environment.glob("lib/python*/site-packages")
    # A line of a .pth file comes behind its own folder, and .pth files there, as of an editable install, are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return environment / "bin"


def build_wheel(directory: Path) -> Path:
    """From a copy, since a build leaves files behind, and would pack those of an older one."""
    source = directory / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("realnet", "service"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(directory), str(source))
    [wheel] = directory.glob("*.whl")
    return wheel


def pip(*arguments: str) -> None:
    """Without a network."""
    options = ["--quiet", "--no-index", "--disable-pip-version-check"]
    done = subprocess.run([sys.executable, "-m", "pip", *arguments, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_it_serves_learns_and_fits_from_a_folder_with_packages_of_the_same_names(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("realnet", "service"):
        decoy = tmp_path / name / "__init__.py"
        decoy.parent.mkdir()
        decoy.write_text("raise SystemExit('the user has a package of this name')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    server = ProcessServer(tmp_path, preset="literal", neurons=400)  # whose kernels compile in a moment
    server.command = (str(installed / "realnet"), "serve")
    try:
        server.start()
        for path in ("/", "/docs", "/page/main.js", "/page/vendor/uPlot.esm.js", "/page/vendor/swagger-ui.css"):
            assert server.client.get(path).status_code == 200
        assert len(server.run(text=TEXT[:50])) == 50
        if IS_SHORT:  # a fit is of the lowest priority, and would wait for all other tests
            return
        job = end_of(server, begin(server, "fit", dataset=upload(server, "text.txt", TEXT), epochs=1))
        assert job["status"] == "succeeded", job
    finally:
        server.close()


def test_only_an_extra_brings_torch(installed: Path) -> None:
    [packages] = installed.parent.glob("lib/python*/site-packages")
    [package] = distributions(name="realnet-live", path=[str(packages)])
    needed = [line for line in package.requires or [] if "extra ==" not in line]
    assert any(line.startswith("numba") for line in needed)
    assert not any(line.startswith(("torch", "scikit-learn", "pytest")) for line in needed)
    assert package.metadata.get_all("Provides-Extra") == [
        "torch",
        "tokenizers",
        "sklearn",
        "river",
        "plot",
        "otel",
        "telemetry",
        "cluster",
        "benchmarks",
        "dev",
    ]
