"""Every call of the client against a real server, and that none of the API's is missing."""

import inspect
import math
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
from pydantic import BaseModel

from realnet import client as package
from realnet.client import (
    AsyncClient,
    Client,
    Conflict,
    Generated,
    Invalid,
    JobCancelled,
    JobFailed,
    NotFound,
    Period,
    Piece,
    Row,
    models,
)
from realnet.client import about as client_about
from realnet.client import cluster as client_cluster
from realnet.client import hive as client_hive
from realnet.client import hooks as client_hooks
from realnet.client import streams as client_streams
from realnet.client.watch import DendriteActivity, NeuronActivity
from realnet.dendrites.explain import Explanation
from service.api import schemas, stream_schemas
from service.api.dataset_schemas import DatasetShown
from service.api.encoding import TokenOutput
from service.api.routes.hive import HiveShown
from service.api.routes.hooks import NewHook
from service.cluster.routes import ClusterShown, ShardShown
from service.jobs.job import Job
from service.jobs.requests import DaydreamRequest, DreamRequest, FitRequest, SleepRequest
from service.runtime.hive import HashSeen, Member
from service.snapshots.snapshot import Snapshot
from service.streams.shown import News, Told
from service.watch import about as server_about
from tests.running_server import RunningServer, ThreadServer

TEXT = "the cat sat on the mat; " * 50


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.url) as client:
        yield client


def test_the_net_is_described_and_changed(server: RunningServer, client: Client) -> None:
    assert client.health().status == "ok"
    assert client.ready().status == "ready"
    assert "realnet_" in client.metrics()
    assert client.net().weights_sha256 is None
    assert client.net(hash=True).weights_sha256 == server.weights()
    before = client.net().learning_rate
    assert client.change(learning_rate=0.5, plasticity=False).learning_rate == 0.5
    assert server.net()["plasticity"] is False
    assert client.change(learning_rate=before, plasticity=True).plasticity
    assert client.change(self_loop=True).self_loop
    assert not client.change(self_loop=False).self_loop


def test_what_goes_on_in_the_net_is_seen(server: RunningServer, client: Client) -> None:
    client.run(TEXT)
    assert client.me().scope == "admin"
    life = client.watch.history()
    assert len(life.tokens) == len(life.surprise) > 0
    assert len(client.watch.anchors().anchors) > 0
    activity = client.watch.activity()
    assert isinstance(activity, DendriteActivity)
    assert activity.explanation.dendrites
    expected = client.watch.expected().next[0]
    assert client.watch.token_texts([expected.token, 97]) == [expected.text, "a"]
    assert client.watch.matrix().what == "gains"


def test_it_tells_of_itself(client: Client) -> None:
    client.run(TEXT, label="cats")
    saved = client.snapshots.save("then", kept=False)
    client.send("dogs", label="dogs")
    told = client.about(since=saved.id, remember=True)
    assert {each.label for each in told.knows} >= {"cats", "dogs"}
    assert told.changed is not None
    assert (told.changed.tokens, [each.label for each in told.changed.labels]) == (4, ["dogs"])
    assert told.remembers is not None
    assert client.about().changed is None


def test_neurons_are_seen_to_fire(frames_server: RunningServer) -> None:
    with Client(frames_server.url) as client:
        client.run(frames=[[1.0, 0.0, 1.0]] * 3)
        assert isinstance(client.watch.activity(), NeuronActivity)
        with pytest.raises(Conflict):
            client.watch.expected()


def test_every_path_of_the_api_is_asked_for(server: RunningServer) -> None:
    text = "".join(path.read_text() for path in Path(package.__file__).parent.glob("*.py"))
    text = text.replace("{self.id}", "{id}")
    # The package `openai`, other servers, Prometheus and OpenTelemetry ask for these:
    others = ("/v1/models", "/v1/completions", "/v1/chat/", "/v1/merges/", "/api/v1/write", "/v1/logs")
    paths = [path for path in server.client.get("/openapi.json").json()["paths"] if not path.startswith(others)]
    kinds = ("dream", "sleep", "fit", "rebase-children", "merge-children")
    assert {path for path in paths if f'"{path}"' not in text} == {f"/v1/jobs/{kind}" for kind in kinds}
    assert '"/v1/jobs/{kind}"' in text


def test_inputs_are_learnt_and_outputs_come_back(server: RunningServer, client: Client) -> None:
    tick = client.net().tick
    assert client.send("he").accepted == 2
    ran = client.run(tokens=list(b"llo"))
    assert [output.token for output in ran.outputs] == list(b"llo")
    assert ran.outputs[0].tick == tick + 3
    assert len(ran.outputs[-1].next or ()) == 5
    assert client.run("!", outputs="surprise").outputs[0].next is None
    page = client.outputs(after=tick, limit=5)
    assert bytes(output.token or 0 for output in page.outputs) == b"hello"
    assert page.cursor == tick + 5


def test_frames_may_be_arrays(frames_server: RunningServer) -> None:
    with Client(frames_server.url) as client:
        ran = client.run(frames=np.full((2, 3), 0.5, np.float32), teachers=np.ones((2, 2)))  # type: ignore[arg-type]
    assert [len(output.values or ()) for output in ran.outputs] == [2, 2]


def test_the_same_key_is_learnt_once(client: Client) -> None:
    tick = client.net().tick
    ran = [client.run(text="once", idempotency_key="mine") for _ in range(2)]
    assert ran[0] == ran[1]
    assert client.net().tick == tick + 4
    with pytest.raises(Invalid, match="another body"):
        client.send(text="twice", idempotency_key="mine")


def test_streams_are_made_told_of_changed_and_forgotten(client: Client) -> None:
    name = 'disk{mount="/"} 5%'
    at = datetime(2026, 11, 29, tzinfo=UTC)
    made = client.streams.make(name, "values", options={"direction": "up"})
    assert (made.kind, made.options["direction"], made.remaining) == ("values", "up", 150)
    noise = random.Random(1)
    rows: list[Row] = [{"at": at + timedelta(minutes=each), "value": 10 + noise.gauss(0, 0.1)} for each in range(300)]
    rows.append({"at": at.timestamp() + 300 * 60, "value": 1e3})
    seen = [client.observe(name, rows, idempotency_key="these") for _ in range(2)]
    assert (seen[0].first_row, seen[0].accepted) == (1, 301)
    assert seen[1].told == seen[0].told[-256:]
    last = seen[0].told[-1]
    assert last.event is not None
    assert (last.at, last.value, last.event.state) == (at + timedelta(minutes=300), 1e3, "open")
    assert client.streams.rows(name, last=2)[-1] == last
    [*_, event] = client.events(stream=name).data
    assert (event.row, event.number, event.muted) == (301, last.event.number, False)
    assert client.events(after=event.id, stream=name).data == []
    assert client.streams.feedback(name, event.number, "normal").rows == 301
    period = Period(at, at + timedelta(days=1))
    changed = client.streams.change(name, options={"direction": "both"}, maintenance=[period])
    assert (changed.options["direction"], changed.maintenance) == ("both", [period])
    with pytest.raises(Invalid, match=r"/values/1: .*missing"):
        client.observe("load", values=[1.0, math.nan])
    assert client.observe("auth", lines=["a line"], learn=False).told[0].text == "a line"
    assert client.observe("auth", lines=["a line"], told="events").told == []
    assert {each.name for each in client.streams.list()} >= {name, "auth"}
    client.streams.delete(name)
    with pytest.raises(NotFound, match="no stream"):
        client.streams.get(name)


def test_a_token_is_explained(client: Client) -> None:
    explanation = client.explain("the c")
    assert 0 < explanation.probability <= 1
    assert explanation.dendrites[0].context


def test_text_is_generated_whole_and_in_pieces(client: Client) -> None:
    whole = client.generate("the ", max_tokens=20, seed=3)
    *pieces, last = client.generate_stream("the ", max_tokens=20, seed=3)
    assert len(whole.tokens) == 20
    assert last == whole
    assert isinstance(last, Generated)
    assert "".join(piece.text for piece in pieces) == whole.text
    assert [token for piece in pieces for token in piece.tokens] == whole.tokens
    assert all(type(piece) is Piece for piece in pieces)


def test_data_sets_are_uploaded_listed_and_deleted(client: Client, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    made = client.datasets.upload(tmp_path / "text.txt", name="mine")
    assert (made.name, made.kind, made.tokens) == ("mine", "text", len(TEXT))
    with (tmp_path / "text.txt").open("rb") as file:
        assert client.datasets.upload(file) == made
    assert made in client.datasets.list()
    assert (client.datasets.get(made.id).preview or [])[0].text == TEXT[:64]
    client.datasets.delete(made.id)
    with pytest.raises(NotFound, match="no data set") as refused:
        client.datasets.get(made.id)
    assert (refused.value.status, refused.value.title) == (404, "Not found")


def test_jobs_are_followed_waited_for_and_cancelled(client: Client, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    dataset = client.datasets.upload(tmp_path / "text.txt").id
    job = client.jobs.dream(dataset, epochs=2)
    assert job.result(timeout=60)["epoch"] == 2
    assert (job.status, job.progress) == ("succeeded", 1.0)

    job = client.jobs.dream(dataset, epochs=10_000, share=1.0)
    for state in job.follow():
        if state.progress > 0:
            break
    with pytest.raises(TimeoutError):
        job.wait(timeout=0.0)
    assert job.cancel().status == "cancelled"
    assert job.refresh().has_ended
    with pytest.raises(JobCancelled):
        job.result()
    assert [each.id for each in client.jobs.list()][-1] == job.id
    assert client.jobs.get(job.id).state == job.state

    dreamt = client.jobs.daydream(count=2, length=20, prompts=["the "]).result(timeout=60)
    assert dreamt["made"] == 2

    client.change(plasticity=False)
    with pytest.raises(JobFailed, match="plasticity is off"):
        client.jobs.dream(dataset).result()
    client.change(plasticity=True)


def test_snapshots_are_saved_named_downloaded_restored_and_deleted(client: Client, tmp_path: Path) -> None:
    saved = client.snapshots.save("mine", kept=False)
    assert client.snapshots.change(saved.id, kept=True).kept
    assert client.snapshots.change(saved.id, name=None).name is None
    assert client.snapshots.get(saved.id) in client.snapshots.list()
    assert client.snapshots.download(saved.id, tmp_path / "net").stat().st_size == saved.bytes
    with pytest.raises(Invalid, match="greater than or equal to 262144"):
        client.snapshots.download(saved.id, tmp_path / "small", size=1000, weights="lean")
    uploaded = client.snapshots.upload(tmp_path / "net", "again")
    assert (uploaded.name, uploaded.state_sha256) == ("again", saved.state_sha256)
    client.run("what is undone")
    assert client.snapshots.restore(saved.id).id == saved.id
    assert client.net(hash=True).state_sha256 == saved.state_sha256
    with pytest.raises(Conflict, match="until the next one is saved"):
        client.snapshots.delete(saved.id)
    client.snapshots.save()
    client.snapshots.delete(saved.id)
    with pytest.raises(NotFound):
        client.snapshots.download(saved.id, tmp_path / "another")
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


@pytest.mark.anyio
async def test_it_is_the_same_with_await(server: RunningServer) -> None:
    async with AsyncClient(server.url) as client:
        assert (await client.run(text="he")).accepted == 2
        pieces = [piece async for piece in client.generate_stream("the ", max_tokens=3)]
        assert len(pieces[-1].tokens) == 3
        job = await client.jobs.sleep()
        assert (await job.result(timeout=60))["changed"] is False


@pytest.mark.anyio
async def test_it_works_where_a_loop_runs_as_in_a_notebook(client: Client) -> None:
    assert client.run("he").accepted == 2
    assert sum(len(piece.tokens) for piece in client.generate_stream("the ", max_tokens=3)) == 3 + 3
    with client.stream() as stream:
        stream.send("he")


def test_it_works_in_a_process_that_was_forked(server: RunningServer) -> None:
    program = """
import os, sys
from realnet.client import Client
Client(sys.argv[1]).health()
child = os.fork()
if child == 0:
    print(Client(sys.argv[1]).health().status, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
    command = [sys.executable, "-W", "ignore", "-c", program, server.url]
    assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout == "ok\n"


MODELS: list[tuple[type, type]] = [
    (models.Net, schemas.Net),
    (client_hive.Hive, HiveShown),
    (client_cluster.Cluster, ClusterShown),
    (client_cluster.Shard, ShardShown),
    (client_hooks.Hook, NewHook),
    (client_hive.Member, Member),
    (client_hive.HashSeen, HashSeen),
    (models.Accepted, schemas.Accepted),
    (models.Generated, schemas.GeneratedText),
    (models.Prompt, schemas.Prompt),
    (models.InputContent, schemas.Input),
    (models.Dataset, DatasetShown),
    (models.JobState, Job),
    (models.Snapshot, Snapshot),
    (models.DreamOptions, DreamRequest),
    (models.SleepOptions, SleepRequest),
    (models.FitOptions, FitRequest),
    (models.DaydreamOptions, DaydreamRequest),
    (models.Explanation, Explanation),
    (client_about.About, server_about.About),
    (client_about.Known, server_about.Known),
    (client_about.Lived, server_about.Lived),
    (client_about.Changed, server_about.Changed),
    (models.Output, TokenOutput),
    (client_streams.Row, stream_schemas.Row),
    (client_streams.StreamOptions, stream_schemas.Options),
    (client_streams.Period, stream_schemas.Period),
    (client_streams.ToldRow, Told),
    (client_streams.StreamEvent, News),
    (client_streams.Observed, stream_schemas.Observed),
    (client_streams.StreamState, stream_schemas.Stream),
    (client_streams.EventsPage, stream_schemas.EventList),
]


@pytest.mark.parametrize(("own", "server"), MODELS, ids=[own.__name__ for own, _ in MODELS])
def test_models_have_the_fields_that_the_server_has(own: type, server: type) -> None:
    fields = set(server.model_fields) if issubclass(server, BaseModel) else set(get_type_hints(server))
    said_otherwise = {"text", "prompt", "stream", "dataset"}  # as arguments, and as methods
    frames = {"values"}
    assert set(get_type_hints(own)) - frames - said_otherwise == fields - frames - said_otherwise


def test_the_two_clients_have_the_same_calls() -> None:
    def calls(of: object) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, each in inspect.getmembers(of):
            if not name.startswith("_") and callable(each):
                found[name] = list(inspect.signature(each).parameters)
        return found

    one, other = Client("http://127.0.0.1:1"), AsyncClient("http://127.0.0.1:1")
    for pair in (
        (one, other),
        (one.datasets, other.datasets),
        (one.hooks, other.hooks),
        (one.jobs, other.jobs),
        (one.snapshots, other.snapshots),
        (one.streams, other.streams),
        (one.watch, other.watch),
    ):
        assert calls(pair[0]) == calls(pair[1])
    one.close()


def test_a_restart_is_waited_for_by_what_follows_a_job(new_server: Callable[..., ThreadServer], tmp_path: Path) -> None:
    server = new_server(neurons=1000).start()
    (tmp_path / "text.txt").write_text(TEXT)
    with Client(server.url) as client:
        job = client.jobs.dream(client.datasets.upload(tmp_path / "text.txt").id, epochs=20, share=1.0)
        changes = job.follow()
        while next(changes).progress == 0:
            pass
        server.kill()
        server.start()
        assert [state.status for state in changes][-1] == "succeeded"
        assert job.result()["epoch"] == 20
