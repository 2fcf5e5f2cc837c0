"""Nets that a GPU computes; where there is none, another device of PyTorch's stands for it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from websockets.sync.client import connect

from service.nets import hot, manifest
from service.nets.manifest import Form, Limits, settings_of, settings_of_default
from service.settings import Settings
from service.speed import device
from tests.nets.asking import create, hash_of, listed, problem, state_of, teach
from tests.running_server import ThreadServer

MakeServer = Callable[..., ThreadServer]

STAND_IN = "cpu:0"  # PyTorch's own CPU, which another kernel computes
HAS_GPU = torch.cuda.is_available()
PLACES = [
    STAND_IN,
    pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not HAS_GPU, reason="needs a CUDA device")]),
]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Returns what is asked for: a GPU, or what stands for it."""
    if request.param == STAND_IN:
        monkeypatch.setattr(device, "GPU", STAND_IN)
        monkeypatch.setattr(device, "_has_driver", lambda: True)
        monkeypatch.setattr(manifest, "_DEVICE", re.compile(f"cpu|{STAND_IN}"))
    return str(request.param)


@pytest.mark.timeout(240)  # Triton compiles its kernels
def test_a_gpu_computes_what_is_made_for_it_and_nothing_else(new_server: MakeServer, place: str) -> None:
    server = new_server(nets_hot=1, nets_wait=60).start()
    create(server, "there", device=place)
    create(server, "moving", device=place, kind="frames", inputs=3, outputs=2, preset="literal")
    create(server, "here")
    assert teach(server, "there", "what it is told").status_code == 200
    net = server.client.get("/v1/nets/there/net").json()
    assert (net["device"], net["preset"]) == (place, "surprise")
    assert net["kernel"] != "cpu"
    before = hash_of(server, "there")
    assert server.client.get("/v1/nets/here/net").json()["device"] == "cpu"
    assert state_of(server, "there") == "cold"
    assert server.client.get("/v1/nets/moving/net").json()["device"] == place
    assert hash_of(server, "there") == before
    shown = server.client.get("/v1/nets/there").json()
    assert shown["settings"] == {"device": place, "tick_hz": 0.001}
    assert shown["bytes"] >= 4 * net["neurons"] * (net["neurons"] - net["inputs"])  # of its weights, wherever they are


def test_one_whose_gpu_is_gone_says_so_hurts_nobody_and_comes_back_with_it(
    new_server: MakeServer, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hot, "_AGAIN_SECONDS", 0.0)
    server = new_server(nets_wait=60).start()
    create(server, "there", device=place, preset="surprise", neurons=600)
    create(server, "here")
    teach(server, "there", "what it is told")
    assert server.client.post("/v1/nets/there/snapshots").status_code == 201
    before = hash_of(server, "there")
    server.terminate()
    with monkeypatch.context() as patch:
        patch.setattr(device, "_has_driver", lambda: False)
        server = new_server(nets_wait=60).start()
        why = f"device '{place}' is not there: no driver of a GPU is installed"
        for _ in range(2):
            refused = server.client.get("/v1/nets/there/net")
            assert problem(refused) == (500, "net-damaged")
            assert refused.json()["detail"] == f"the net there cannot be opened: {why}"
        assert state_of(server, "there") == "damaged"
        assert teach(server, "here", "it goes on").status_code == 200
        another = server.client.post("/v1/nets", json={"name": "another", "device": place})
        assert problem(another) == (409, "conflict")
        assert another.json()["detail"] == why
        assert listed(server) == ["default", "here", "there"]
    assert hash_of(server, "there") == before


def test_it_goes_on_on_another_device(new_server: MakeServer, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server = new_server(nets_wait=60).start()
    create(server, "net", device=place)
    create(server, "unborn", device=place, seed=7)
    teach(server, "net", "what it is told")

    def moved(name: str, to: str) -> dict[str, Any]:
        """Return a net that is to be on another device, and has been woken there."""
        server.client.patch(f"/v1/nets/{name}", json={"device": to}).raise_for_status()
        net: dict[str, Any] = server.client.get(f"/v1/nets/{name}/net").raise_for_status().json()
        assert net["device"] == to
        return net

    with monkeypatch.context() as patch:
        patch.setattr(device, "_has_driver", lambda: False)
        server.terminate()
        server = new_server(nets_wait=60).start()
        assert problem(server.client.get("/v1/nets/net/net")) == (500, "net-damaged")
        assert moved("net", "cpu")["tokens_seen"] == len("what it is told")
        assert moved("unborn", "cpu")["preset"] == "surprise"  # as when it was made, though it had not been born yet
        refused = server.client.patch("/v1/nets/net", json={"device": place})
        assert problem(refused) == (409, "conflict")
    assert moved("net", place)["tokens_seen"] == len("what it is told")
    with connect(f"ws://127.0.0.1:{server.port}/v1/nets/net/stream") as socket:
        socket.recv()
        server.client.patch("/v1/nets/net", json={"device": "cpu"}).raise_for_status()
        assert server.client.get("/v1/nets/net/net").json()["device"] == place  # as long as somebody uses it


NO_DEVICE = "cpu, cuda or cuda:N: auto and sharded are of the net named default alone"
OF_DENDRITES = "dendrites are computed by the CPU: a GPU is for the other presets"


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"device": "auto"}, NO_DEVICE),
        ({"device": "sharded"}, NO_DEVICE),
        ({"device": "cuda:x"}, NO_DEVICE),
        ({"device": "cuda", "preset": "dendrites"}, OF_DENDRITES),
        ({"device": "cuda:0", "variant": "compact", "memory": 2**16}, OF_DENDRITES),
    ],
)
def test_what_no_server_can_do_is_refused(server: ThreadServer, form: dict[str, object], why: str) -> None:
    refused = server.client.post("/v1/nets", json={"name": "x"} | form)
    assert problem(refused) == (422, "invalid")
    assert refused.json()["errors"] == [{"detail": why, "pointer": "/device"}]


def test_dendrites_and_what_watches_streams_stay_where_they_are(server: ThreadServer) -> None:
    create(server, "compact")
    create(server, "logs", kind="streams")
    for name in ("compact", "logs"):
        before = server.client.get(f"/v1/nets/{name}").json()
        assert server.client.patch(f"/v1/nets/{name}", json={"device": "cpu"}).json() == before
        refused = server.client.patch(f"/v1/nets/{name}", json={"device": "cuda", "tick_hz": 7})
        assert problem(refused) == (422, "invalid")
        assert refused.json()["errors"] == [{"detail": OF_DENDRITES, "pointer": "/device"}]
        assert server.client.get(f"/v1/nets/{name}").json() == before


def test_without_pytorch_it_is_told_what_is_missing(server: ThreadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "find_spec", lambda name: None)
    refused = server.client.post("/v1/nets", json={"name": "x", "device": "cuda:1", "neurons": 600})
    assert problem(refused) == (409, "conflict")
    assert refused.json()["detail"].startswith("device 'cuda:1' needs PyTorch, which is not installed here: pip")


def test_the_servers_own_device_is_of_default_alone() -> None:
    server = Settings(_env_prefix="NO_SETTING_", device="cuda", hash_every=9)
    assert settings_of_default(server).device == "cuda"
    other = settings_of("tokens", Form(), Limits(), server)
    assert other.device == "cpu"
    assert "device" not in other.model_fields_set
