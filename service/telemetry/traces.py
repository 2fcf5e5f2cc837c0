"""Traces of requests by OpenTelemetry, which is imported only where they are asked for."""

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from threading import Thread
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

_QUIET = r"/(healthz|readyz|metrics)$"  # asked for every few seconds
_SECRET = ["authorization", "cookie", "sec-websocket-protocol"]  # headers, where OTEL_… variables ask for some
_LAST_SECONDS = 2.0  # at a shutdown
_QUERY = "realnet.query"  # where a connection's query waits


def trace_requests(app: FastAPI) -> Callable[[], None]:
    """Have a span sent for every request and every stream, as the OTEL_… variables say; return what ends that.

    Call before the app has begun. Raises ModuleNotFoundError where OpenTelemetry is not installed.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.metrics import NoOpMeterProvider
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = Resource.create({"service.name": "realnet", "service.version": version("realnet-live")})
    # What the variables name counts for more.
    provider = TracerProvider(resource=named.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    app.add_middleware(_WithQuery)
    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=provider,
        meter_provider=NoOpMeterProvider(),  # /metrics has the numbers
        excluded_urls=_QUIET,
        http_capture_headers_sanitize_fields=_SECRET,
        server_request_hook=_tell_net,
        exclude_spans=["receive", "send"],  # a stream has thousands of messages a second
    )
    build = app.build_middleware_stack
    app.build_middleware_stack = lambda: _WithoutQuery(build())  # type: ignore[method-assign]
    return partial(_end, provider.shutdown)


def _tell_net(span: Any, scope: Scope) -> None:
    """Say in a span which net was named: its route is that of any net."""
    if "realnet.net" in scope:
        span.set_attribute("realnet.net", scope["realnet.net"])


def _end(shutdown: Callable[[], None]) -> None:
    """Send what is left, but do not wait for a collector that does not take it."""
    sending = Thread(target=shutdown, name="traces", daemon=True)
    sending.start()
    sending.join(_LAST_SECONDS)


class _WithoutQuery:
    """Hides queries from what is inside, which would tell them: they have texts in them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "query_string" in scope:
            scope = {**scope, "query_string": b"", _QUERY: scope["query_string"]}
        await self._app(scope, receive, send)


class _WithQuery:
    """Shows what is inside the queries again."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _QUERY in scope:
            scope = {**scope, "query_string": scope[_QUERY]}
        await self._app(scope, receive, send)
