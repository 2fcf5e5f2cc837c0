"""`--device auto`: where there is no GPU, and where another device of PyTorch's stands for one."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from service.journal.scan import scan
from service.runtime.birth import birth_of
from service.settings import NetSettings, Settings
from service.speed import device
from service.speed.timing import Work
from service.store import open_log
from tests.runtime.life import BIRTH, NET, living, replayed

pytestmark = pytest.mark.anyio

STAND_IN = "cpu:0"  # PyTorch's own CPU, which another kernel computes


def stand_in(patch: pytest.MonkeyPatch, seconds: float, place: str = STAND_IN) -> None:
    """Let there be a GPU that takes so many seconds for a tick, and a CPU that takes one."""
    patch.setattr(device, "GPU", place)
    patch.setattr(device, "sees_gpu", lambda: True)

    def fastest(works: Mapping[str, Work], _: float) -> dict[str, float]:
        for work in works.values():
            work(3)
        return {device.CPU: 1.0, place: seconds}

    patch.setattr(device, "fastest", fastest)


def journalled(url: str) -> Any:
    log = open_log(url, f"{NET}/journal")
    try:
        origin = scan(log.read(), 0).origin
        return None if origin is None else origin.birth
    finally:
        log.close()


async def test_without_a_gpu_it_is_the_cpu_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(device, "sees_gpu", lambda: False)
    monkeypatch.setattr(device, "fastest", None)  # nothing is measured
    async with living(f"file://{tmp_path}", device="auto") as life:
        assert life.runtime.status.device == "cpu"
    assert "device cpu computes the net: PyTorch sees no GPU" in caplog.messages


async def test_a_gpu_that_is_faster_computes_the_net_and_nothing_that_is_kept_tells_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"file://{tmp_path}"
    async with living(f"{url}/other") as life:
        newborn = await life.state()
    stand_in(monkeypatch, seconds=0.5)
    async with living(url, device="auto") as life:
        assert (life.runtime.status.device, life.runtime.status.kernel) == (STAND_IN, "torch")
        assert await life.state() == newborn  # what was measured is nothing that it has lived
        snapshot = await life.snapshotter.save()
        await life.run(1)
        await life.runtime.restore(snapshot.id)
        assert life.runtime.status.device == STAND_IN
        await life.run(1)
        tick = life.runtime.status.tick
    assert journalled(url) == journalled(f"{url}/other") == BIRTH
    assert "device cpu:0 computes the net: 1 ticks a second on cpu, 2 ticks a second on cpu:0" in caplog.messages
    stand_in(monkeypatch, seconds=0.9)  # faster, but not clearly: the next start could find it the other way round
    async with living(url, device="auto") as life:
        assert (life.runtime.status.device, life.runtime.status.tick) == ("cpu", tick)
    assert (await replayed(url)).learner.net.tick == tick


async def test_a_gpu_that_fails_is_not_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in(monkeypatch, seconds=0.5, place="nowhere")
    async with living(f"file://{tmp_path}", device="auto") as life:
        assert life.runtime.status.device == "cpu"
    [line] = [line for line in caplog.messages if line.startswith("device ")]
    assert "the GPU did not do it: device 'nowhere' is not there" in line


def test_dendrites_are_computed_by_the_cpu_without_a_look_at_pytorch() -> None:
    program = (
        "import sys; from realnet import DendriteLearner; from service.speed.device import chosen; "
        "print(*chosen(DendriteLearner.create('compact', memory=2**16)), 'torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "cpu dendrites live there False"


@pytest.mark.parametrize(("given", "preset"), [({}, "dendrites"), ({"neurons": 900}, "surprise")])
def test_what_is_born_does_not_depend_on_the_machine(given: dict[str, Any], preset: str) -> None:
    assert birth_of(NetSettings(device="auto", **given)) == birth_of(NetSettings(device="cpu", **given))
    assert birth_of(NetSettings(device="auto", **given))["preset"] == preset


def test_a_server_that_follows_names_its_device() -> None:
    with pytest.raises(ValueError, match="name the leader's device instead of auto"):
        Settings(follow="file:///nowhere", device="auto")
