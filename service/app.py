"""The one place that knows every part: it puts them together, and starts and stops them in order."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

import msgspec
import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute

from realnet import FrameLearner, TokenLearner
from service.api.access import needs
from service.api.deps import Spine
from service.api.encoding import FrameOutput, TokenOutput
from service.api.error_handlers import refusal, respond
from service.api.gateway import Gateway
from service.api.idempotency import IdempotencyKeys
from service.api.openapi import declare_keys
from service.api.request_log import RequestLog
from service.api.routes import datasets, generate, health, inputs, jobs, net, outputs, snapshots, stream
from service.api.stream.hub import StreamHub
from service.api.uploads import Uploads
from service.auth.keyring import Keyring
from service.auth.keys import KeysError, Scope
from service.datasets.catalog import DatasetCatalog
from service.engine.engine import Engine
from service.engine.inbox import Inbox
from service.engine.output_ring import OutputRing
from service.engine.pace import Mode, Pace
from service.engine.status import Shape
from service.errors import Invalid, Problem, Refused, problem_of, problem_of_status
from service.jobs.opening import open_jobs
from service.journal.codec import JournalDamaged
from service.journal.journal import LoggedJournal
from service.replica.learner import Learner
from service.runtime.birth import Birth, birth_of
from service.runtime.recovery import Recovered, recover
from service.settings import Settings
from service.snapshots.catalog import SnapshotCatalog
from service.snapshots.snapshot import SnapshotDamaged
from service.snapshots.snapshotter import Snapshotter
from service.store import directory_of, open_lock, open_log, open_store
from service.store.base import Lock, Log, StoreError
from service.store.health import StoreHealth
from service.store.keys import NetKeys
from service.telemetry.logs import log_mode
from service.telemetry.metrics import open_registry
from service.validation import locations_of

_NAME = "default"  # of the net
_DRAIN_SECONDS = 1.5  # at a shutdown, to run what was accepted
_logger = logging.getLogger(__name__)


PARTS = (health, net, inputs, outputs, generate, datasets, jobs, snapshots, stream)


class CannotStart(Exception):
    """One line for the user that says what to do."""


def create_app(settings: Settings) -> FastAPI:
    keyring = Keyring(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _following(keyring), _living(settings) as spine:
            app.state.spine = spine
            app.state.registry = open_registry(
                spine.engine, spine.inbox, spine.outputs, spine.snapshotter, spine.journal
            )
            yield

    app = _Api(title="RealNet", version=version("realnet-live"), lifespan=lifespan)
    for page in app.routes:  # FastAPI's own, with the document
        needs(Scope.READ)(page.endpoint)  # type: ignore[attr-defined]
    guarded = [*app.routes, *(route for part in PARTS for route in part.router.routes)]
    app.guarded, app.keys_required = guarded, keyring.required
    app.add_middleware(Gateway, settings=settings, keyring=keyring, routes=guarded)
    if settings.origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.origins, allow_methods=["*"], allow_headers=["*"])
    app.add_middleware(RequestLog)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    for kind in (Refused, StoreError, Exception):
        app.add_exception_handler(kind, _answer)
    for part in PARTS:
        app.include_router(part.router)
    return app


@asynccontextmanager
async def _following(keyring: Keyring) -> AsyncIterator[None]:
    try:
        keyring.load()
    except KeysError as error:
        raise CannotStart(str(error)) from error
    if keyring.required and not len(keyring):
        raise CannotStart("the file of keys has none in it: `realnet key create NAME` makes one")
    task = asyncio.create_task(keyring.follow(), name="keys")
    try:
        yield
    finally:
        task.cancel()


@asynccontextmanager
async def _living(settings: Settings) -> AsyncIterator[Spine]:
    try:
        store, lock = open_store(settings.store), open_lock(settings.store)
        log = None if settings.journal == "off" else open_log(settings.store, NetKeys(_NAME).journal, lock)
    except ValueError as error:
        raise CannotStart(str(error)) from error
    try:
        catalog = SnapshotCatalog(store, settings.snapshots_kept, _NAME, most_kept=settings.max_kept_snapshots)
        sets = DatasetCatalog(store, settings.datasets_kept, settings.max_dataset_bytes, _NAME)
        recovered = await _recover(lock, catalog, sets, log, settings)
        journal = None if log is None else LoggedJournal(log, settings.journal, recovered.last)
        inbox = Inbox(settings.inbox_ticks, settings.max_generations)
        ring = OutputRing(settings.outputs_kept)
        pace = Pace(settings.tick_hz, settings.rest_after, settings.free_run)
        engine = Engine(
            recovered.learner,
            inbox,
            ring,
            pace,
            settings.idle_learning,
            journal,
            recovered.ledger,
            recovered.replay,
        )
        snapshotter = Snapshotter(engine, catalog, settings.snapshot_every, journal)
        streams = StreamHub(engine, inbox, ring, settings)
        snapshotter.on_saved.append(streams.snapshot_saved)
        engine.on_mode.append(log_mode)
        if log is not None and journal is not None:
            journal.on_durable, journal.on_trouble = inbox.wake, inbox.refuse
            log.on_loss = partial(asyncio.get_running_loop().call_soon_threadsafe, snapshotter.journal_has_lost)
            journal.start()
        engine.start()
        snapshotter.start()
        try:
            pulse, keys = StoreHealth(store), IdempotencyKeys(engine.ledger)
            directory = directory_of(settings.store)
            uploads = Uploads(directory, settings.max_uploads)
            async with open_jobs(
                _NAME, store, engine, inbox, ring, sets, catalog, snapshotter, directory, settings.sleep_after
            ) as works:
                works.on_changed.append(streams.job_changed)
                yield Spine(
                    settings,
                    lock,
                    engine,
                    inbox,
                    ring,
                    catalog,
                    snapshotter,
                    streams,
                    pulse,
                    keys,
                    journal,
                    sets,
                    uploads,
                    works,
                )
        finally:
            await _drain(engine, inbox, journal is not None)
            await snapshotter.stop(save=lock.lost is None)
            await engine.stop()
            if journal is not None:
                await asyncio.to_thread(journal.stop)
    finally:
        await store.close()
        await lock.release()


async def _recover(
    lock: Lock, catalog: SnapshotCatalog, sets: DatasetCatalog, log: Log | None, settings: Settings
) -> Recovered:
    """As it was, or a new one."""
    try:
        await lock.take()
        await catalog.sweep()
        await sets.sweep()
        birth, device = birth_of(settings), settings.device
        recovered = await recover(catalog, log, device, birth, lambda birth: _create(birth, device))
        await asyncio.to_thread(_warm_up, recovered.learner)
    except (StoreError, SnapshotDamaged, JournalDamaged, ValueError) as error:
        raise CannotStart(str(error)) from error
    _check_is_as_asked_for(recovered.learner, settings)
    catalog.pinned |= recovered.pinned
    return recovered


def _create(birth: Birth, device: str) -> Learner:
    inputs, outputs = birth["inputs"], birth["outputs"]
    common: dict[str, Any] = {"preset": birth["preset"], "num_neurons": birth["neurons"], "seed": birth["seed"]}
    if inputs is not None and outputs is not None:
        return FrameLearner.create(int(inputs), int(outputs), **common, device=device)
    return TokenLearner.create(**common, device=device)


def _warm_up(learner: Learner) -> None:
    """Compile the kernels, which takes seconds on a new machine, before the server is ready. Nothing is learnt."""
    if isinstance(learner, TokenLearner):
        generator = learner.generator([0], 0.0, 0)
        generator.step(1)  # reads the prompt
        generator.step(1)
    else:
        frame, teacher = np.zeros((1, len(learner.net.input_ids))), np.zeros((1, len(learner.net.output_ids)))
        learner.net.fork().run(frame, teacher, 0.0)


def _check_is_as_asked_for(learner: Learner, settings: Settings) -> None:
    """What was asked for must be so; what was not is as it is in the store."""
    net, shape = learner.net, Shape.of(learner)
    inputs, outputs = (shape.inputs, shape.outputs) if shape.vocabulary is None else (None, None)
    has = {"preset": net.preset, "neurons": net.num_neurons, "inputs": inputs, "outputs": outputs}
    for name in settings.model_fields_set & has.keys():
        asked = getattr(settings, name)
        if asked is not None and asked != has[name]:
            raise CannotStart(
                f"the net in the store has {name} {has[name]}, not {asked}: ask for that, or give another store"
            )


async def _drain(engine: Engine, inbox: Inbox, is_journalled: bool) -> None:
    if engine.alive and engine.status.mode is not Mode.PAUSED:
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                await inbox.emptied()
        except TimeoutError:
            pass
    if inbox.depth:
        what = "are learnt at the next start" if is_journalled else "are not learnt"
        _logger.warning("%d ticks that were accepted %s", inbox.depth, what)


class _Api(FastAPI):
    guarded: Sequence[BaseRoute] = ()
    keys_required = False

    def openapi(self) -> dict[str, Any]:
        """With the schemas of what is not answered through pydantic, and without the 422 that is never sent."""
        if self.openapi_schema is None:
            document = super().openapi()
            place = "#/components/schemas/{%s}"
            schemas = document["components"]["schemas"]
            _, others = msgspec.json.schema_components([TokenOutput, FrameOutput], ref_template=place % "name")
            problem = Problem.model_json_schema(ref_template=place % "model")
            schemas |= others | problem.pop("$defs") | {"Problem": problem}
            for operations in document["paths"].values():
                for operation in operations.values():
                    if "HTTPValidationError" in str(operation["responses"].get("422")):
                        del operation["responses"]["422"]
            declare_keys(document, self.guarded, self.keys_required)
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
        assert self.openapi_schema is not None
        return self.openapi_schema


async def _answer(_: Request, error: Exception) -> Response:
    return refusal(error)


async def _answer_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    if errors[0]["type"] == "json_invalid":
        return respond(problem_of_status(400, "the body is not JSON"))
    return respond(problem_of(Invalid(locations_of(errors))))


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:  # the router names the methods of one route, and there may be more of this path
        headers["Allow"] = request.scope["realnet.allow"]
    return respond(problem_of_status(error.status_code, error.detail), headers)
