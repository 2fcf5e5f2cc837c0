"""Traces, as a collector of OpenTelemetry gets them from a real server."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.running_server import ThreadServer

KEY = "a-key-that-no-trace-may-have-in-it"
TEXT = "a text that no trace may have in it"


class Collector:
    """Takes what is sent to it by HTTP."""

    def __init__(self) -> None:
        self.bodies = bodies = list[bytes]()

        class Taker(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def spans(self) -> dict[str, dict[str, str]]:
        """Return the attributes of the last span of each route, with those of what sent it."""
        found = {}
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        attributes = {
                            each.key: each.value.string_value or str(each.value.int_value)
                            for each in (*resource.resource.attributes, *span.attributes)
                        }
                        found[attributes["http.route"]] = attributes
        return found


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    collector = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    yield collector
    collector.server.shutdown()
    collector.server.server_close()


def test_each_request_and_stream_is_a_span_of_its_route(
    collector: Collector, new_server: Callable[..., ThreadServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST", ".*")
    server = new_server(neurons=1000, traces=True, api_key=KEY)
    server.client.headers["authorization"] = f"Bearer {KEY}"
    server.start()
    assert server.client.get("/v1/net", params={"hash": "true", "secret": TEXT}).status_code == 200
    assert "weights_sha256" in server.net(hash="true")  # a query arrives
    server.run(text=TEXT)
    assert httpx.get(f"{server.url}/v1/snapshots/7", params={"key": KEY}).status_code == 401
    offered = [Subprotocol("realnet.v1.json"), Subprotocol(f"realnet.key.{KEY}")]
    with connect(f"{server.url.replace('http', 'ws')}/v1/stream?client_id={KEY}", subprotocols=offered) as stream:
        stream.recv()
    assert server.client.post("/v1/nets", json={"name": "other"}).status_code == 201
    assert server.client.get("/v1/nets/other/sessions").status_code == 200
    server.terminate()

    spans = collector.spans()
    assert spans.pop("/v1/nets")["http.status_code"] == "201"
    assert spans.pop("/v1/sessions")["realnet.net"] == "other"
    assert set(spans) == {"/v1/net", "/v1/inputs", "/v1/snapshots/{id:digits}", "/v1/stream"}
    statuses = [spans[route]["http.status_code"] for route in ("/v1/net", "/v1/inputs", "/v1/snapshots/{id:digits}")]
    assert statuses == ["200", "200", "401"]
    for span in spans.values():
        assert (span["service.name"], span["deployment.environment"]) == ("realnet", "test")
    sent = b"".join(collector.bodies)
    for secret in (KEY, TEXT, TEXT.replace(" ", "+"), TEXT.replace(" ", "%20")):
        assert secret.encode() not in sent


def test_a_service_is_called_as_its_operator_says(
    collector: Collector, new_server: Callable[..., ThreadServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "a mind")
    server = new_server(neurons=1000, traces=True).start()
    server.net()
    server.terminate()
    assert collector.spans()["/v1/net"]["service.name"] == "a mind"


def test_a_collector_that_is_not_there_holds_nothing_up(
    new_server: Callable[..., ThreadServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    server = new_server(neurons=1000, traces=True).start()
    server.run(text="it lives")
    began = time.monotonic()
    server.terminate()
    assert time.monotonic() - began < 5


def test_nothing_of_it_is_imported_where_it_is_not_asked_for() -> None:
    program = (
        "import sys; from service.app import create_app; from service.settings import Settings; create_app(Settings());"
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk') or 'instrumentation' in name])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_without_it_a_server_does_not_start_and_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['opentelemetry.sdk.trace'] = None;"
        "from service.server.run import run; from service.settings import Settings; run(Settings(port=0, traces=True))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == 1
    wanted = "realnet: traces need OpenTelemetry, which is not installed here: pip install 'realnet-live[otel]'"
    assert ended.stderr.splitlines()[-1] == wanted
