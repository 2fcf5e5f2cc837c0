"""Requests made up from the OpenAPI document: answered as it says, never by a 5xx, and no refused one changes the net.

As many as FUZZ_CASES says (`make fuzz`: 10,000), and all values at the bounds; a few, and a fourth of those, without.
"""

import os
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from schemathesis import Case
from schemathesis.checks import (
    load_all_checks,
    negative_data_rejection,
    not_a_server_error,
    positive_data_acceptance,
)
from schemathesis.core.result import Ok
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.generation.meta import TestPhase
from schemathesis.schemas import BaseSchema

from service.app import PARTS, create_app
from service.settings import Settings
from tests.running_server import RunningServer, ThreadServer

KEY = "a-key-for-the-fuzzers-of-requests"
AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}

# What is well-formed may still be wrong for this net: text for a net of frames, an id that there is not.
EXCLUDED = [positive_data_acceptance]
# Parameters that there are not are overlooked, as everywhere; in a body they are refused.
EXCLUDED_OF_QUERIES = [positive_data_acceptance, negative_data_rejection]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    server = ThreadServer(
        tmp_path_factory.mktemp("fuzz"),
        api_key=KEY,
        rate_requests=0,
        rate_ticks=0,
        snapshots_kept=3,
        max_kept_snapshots=9,
    )
    server.client.headers = AUTHORIZATION
    yield server.start()
    server.close()
    assert '"level": "error"' not in server.log


# In the order of the parts; the document, which takes long to make and to read, is made by the worker that needs it.
ROUTES = [route for part in PARTS for route in part.router.routes if isinstance(route, APIRoute)]
OPERATIONS = [
    (route.path_format, method) for route in ROUTES if route.include_in_schema for method in sorted(route.methods or ())
]
IS_SHORT = "FUZZ_CASES" not in os.environ
CASES = int(os.environ.get("FUZZ_CASES", "130")) // len(OPERATIONS)
boundary_cases = count()


@pytest.fixture(scope="module")
def schema() -> BaseSchema:
    schemathesis.serializer.alias("application/x-protobuf", "application/octet-stream")
    load_all_checks()
    return schemathesis.openapi.from_dict(create_app(Settings(api_key=SecretStr(KEY))).openapi())


def test_no_operation_is_left_out(schema: BaseSchema) -> None:
    found = [operation.ok() for operation in schema.get_all_operations() if isinstance(operation, Ok)]
    assert sorted(OPERATIONS) == sorted((each.path, each.method.upper()) for each in found)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_an_operation(path: str, method: str, schema: BaseSchema, fuzzed: RunningServer) -> None:
    def check(case: Case[Any]) -> None:
        is_at_a_bound = case.meta is not None and case.meta.phase.name is TestPhase.COVERAGE
        if not (IS_SHORT and is_at_a_bound and next(boundary_cases) % 4):
            check_answer(case, fuzzed)

    given = settings(
        max_examples=CASES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    modes = list(HypothesisTestMode)
    config = HypothesisTestConfig(project=schema.config, modes=modes, settings=given, seed=schema.config.seed)
    create_test(operation=schema[path][method], test_func=check, config=config)()


def check_answer(case: Case[Any], fuzzed: RunningServer) -> None:
    aim(case, fuzzed)
    before = fuzzed.weights()
    response = case.call(base_url=fuzzed.url, headers=AUTHORIZATION)
    excluded = EXCLUDED_OF_QUERIES if case.query or case.method in ("GET", "DELETE") else EXCLUDED
    if response.status_code == 502:  # there is no other server at the URL that was made up
        excluded = [*excluded, not_a_server_error]
    case.validate_response(response, headers=AUTHORIZATION, excluded_checks=excluded)
    if response.status_code >= 400:
        assert fuzzed.weights() == before
    elif case.method == "PATCH":
        calm: dict[str, Any] = {"paused": False, "plasticity": True, "tick_hz": 0.001, "self_loop": False}
        fuzzed.client.patch("/v1/net", json=calm).raise_for_status()
    elif case.path == "/v1/net/grow":
        fuzzed.client.post("/v1/net/shrink", json={"lines": 4096}).raise_for_status()  # a large one is slow to hash
    elif response.status_code == 202 and case.path.startswith(("/v1/jobs", "/v1/daydream")):
        fuzzed.client.post(f"/v1/jobs/{response.json()['id']}/cancel").raise_for_status()
    else:
        while fuzzed.net()["queue_depth"]:
            pass


def aim(case: Case[Any], server: RunningServer) -> None:
    """Every other time at something that there is; what is made up never is."""
    if not case.path_parameters or len(str(case.path_parameters.get("id"))) % 2 == 0:
        return
    if case.path.startswith("/v1/snapshots"):
        known = server.client.get("/v1/snapshots").json()["data"] or [server.snapshot()]
    elif case.path.startswith("/v1/datasets"):
        known = [server.client.post("/v1/datasets", files={"file": ("a.txt", b"a text")}).json()]
    else:
        return
    case.path_parameters["id"] = known[-1]["id"]
