"""What must hold of docker-compose.yml; no engine is needed to read it."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from service.cli.cluster import PORT
from service.cli.main import app
from service.settings import Settings

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_healthy_confined_and_stopped_in_peace(name: str) -> None:
    service = SERVICES[name]
    assert isinstance(service["command"], list)  # a shell as process 1 would swallow SIGTERM
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["init"] is True
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["stop_grace_period"] == "20s"
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert {volume.split(":")[0] for volume in service.get("volumes", [])} <= COMPOSE["volumes"].keys()


FIRST = {
    "server": {"redis"},
    "gpu": {"redis"},
    "cluster": {"redis"},
    "node": {"redis", "cluster"},
    "follower-1": {"redis", "server"},
    "follower-2": {"redis", "server"},
}


@pytest.mark.parametrize("name", FIRST)
def test_a_server_waits_for_redis_and_its_settings_are_settings(name: str) -> None:
    service, first = SERVICES[name], FIRST[name]
    assert service["depends_on"] == {each: {"condition": "service_healthy"} for each in first}
    fields = {f"REALNET_{field.upper()}" for field in Settings.model_fields}
    assert service["environment"].keys() <= fields
    given = {key.removeprefix("REALNET_").lower(): value for key, value in service["environment"].items()}
    assert given["api_key"].startswith("${REALNET_API_KEY:?")  # the user's, and without one nothing starts
    settings = Settings(**given | {"api_key": "0" * 64})
    assert not settings.insecure
    database = 1 if name in ("cluster", "node") else 0  # a cluster and a server have none together
    assert settings.place == settings.store == f"redis://redis:6379/{database}"
    assert "build" not in service or (ROOT / service["build"]["dockerfile"]).exists()


def test_a_hive_has_two_followers_that_stand_by_behind_one_address() -> None:
    followers = [name for name, service in SERVICES.items() if service.get("profiles") == ["hive"]]
    assert followers == ["follower-1", "follower-2", "hive"]
    for name in ("server", *followers[:2]):
        environment = SERVICES[name]["environment"]
        assert environment["REALNET_FOLLOW"] == environment["REALNET_STORE"]
        assert environment["REALNET_ADVERTISE"] == f"http://{name}:8420"
        assert environment["REALNET_STANDBY"] == "true"
        assert SERVICES[name]["image"] == "realnet"
    [source] = SERVICES["hive"]["configs"]
    proxy = (ROOT / COMPOSE["configs"][source["source"]]["file"]).read_text()
    assert re.findall(r"^ +server \S+ (\S+)$", proxy, re.MULTILINE) == [f"{name}:8420" for name in followers[:2]]
    assert SERVICES["hive"]["ports"] == ["127.0.0.1:8421:8421"]
    assert "bind :8421" in proxy


def test_a_cluster_has_a_head_and_as_many_nodes_as_are_asked_for() -> None:
    head, node = SERVICES["cluster"], SERVICES["node"]
    assert head["profiles"] == node["profiles"] == ["cluster"]
    assert head["image"] == node["image"] != SERVICES["server"]["image"]
    assert head["environment"] == node["environment"]  # where a shard is restarted, its settings are the same
    assert head["build"]["args"] == {"CLUSTER": "yes"}
    for service in (head, node):
        command = get_command(app)
        for word in service["command"][1:3]:
            command = command.commands[word]  # type: ignore[attr-defined]
        assert not service["volumes"]
    assert node["command"][3] == f"cluster:{PORT}"
    assert not node["ports"]  # else there could be one only


def test_only_the_gpu_service_reserves_a_gpu_and_it_is_asked_for() -> None:
    assert [name for name, service in SERVICES.items() if "deploy" in service] == ["gpu"]
    assert SERVICES["gpu"]["profiles"] == ["gpu"]
    assert SERVICES["gpu"]["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]


def test_redis_loses_nothing_it_has_taken() -> None:
    command = " ".join(SERVICES["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_the_image_holds_what_it_needs() -> None:
    dockerfile, kept = (ROOT / "docker/Dockerfile").read_text(), (ROOT / ".dockerignore").read_text().splitlines()
    copies = [line.split()[1:-1] for line in dockerfile.splitlines() if line.startswith("COPY ")]
    copied = {name for names in copies if not names[0].startswith("--from=") for name in names}
    assert {f"!{name}" for name in copied} == {line for line in kept if line.startswith("!")}
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {package.rstrip("*") for package in packages} <= copied
    assert all((ROOT / name).exists() for name in copied)
    assert "USER realnet" in dockerfile
