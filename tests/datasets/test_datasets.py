"""Data sets over REST, on a real server: uploaded, shown, deleted; what is wrong, too much or cut off is not stored."""

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.running_server import RunningServer, ThreadServer

HEADER = b"a,b,c,d,e\n"
COLUMNS = {"inputs": "a,b,c", "targets": "d, e"}


def upload(server: RunningServer, filename: str, content: bytes, **fields: Any) -> httpx.Response:
    return server.client.post("/v1/datasets", files={"file": (filename, content)}, data=fields)


def added(server: RunningServer, filename: str, content: bytes, **fields: Any) -> dict[str, Any]:
    response = upload(server, filename, content, **fields)
    assert response.status_code == 201, response.text
    dataset: dict[str, Any] = response.json()
    assert response.headers["location"] == f"/v1/datasets/{dataset['id']}"
    return dataset


def listed(server: RunningServer) -> list[dict[str, Any]]:
    return list(server.client.get("/v1/datasets").raise_for_status().json()["data"])


def stored(directory: Path) -> list[Path]:
    """Files of data sets, and what an upload may have left beside them."""
    root = directory / "data"
    inside = [path for folder in ("datasets", "dataset-manifests") for path in (root / "default" / folder).rglob("*")]
    return [path for path in (*root.iterdir(), *inside) if path.is_file() and path.name != ".lock"]


def errors(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 422, response.text
    problem = response.json()
    assert problem["type"] == "/problems/invalid"
    return list(problem["errors"])


@pytest.fixture
def empty(server: RunningServer) -> Iterator[RunningServer]:
    """A net of tokens, and no data set before and after."""
    yield server
    for dataset in listed(server):
        assert server.client.delete(f"/v1/datasets/{dataset['id']}").status_code == 204


@pytest.fixture
def empty_of_frames(frames_server: RunningServer) -> Iterator[RunningServer]:
    yield frames_server
    for dataset in listed(frames_server):
        assert frames_server.client.delete(f"/v1/datasets/{dataset['id']}").status_code == 204


def test_a_text_is_uploaded_shown_and_deleted(empty: RunningServer) -> None:
    content = "Ein Text, mit ü.\r\n".encode() * 1000
    dataset = added(empty, "a text.txt", content)
    assert re.fullmatch("[0-9a-f]{32}", dataset["id"])
    assert (dataset["name"], dataset["format"], dataset["kind"]) == ("a text.txt", "txt", "text")
    assert (dataset["items"], dataset["bytes"], dataset["tokens"]) == (1, 19_000, 19_000)
    again = upload(empty, "another.txt", content)
    assert (again.status_code, again.json()) == (200, dataset)
    assert again.headers["location"] == f"/v1/datasets/{dataset['id']}"
    assert listed(empty) == [dataset]
    shown = empty.client.get(f"/v1/datasets/{dataset['id']}").json()
    (preview,) = shown.pop("preview")
    assert shown == dataset
    assert preview["text"].startswith("Ein Text, mit ü.\r\nEin Text")
    assert len(preview["text"]) < 100
    assert empty.client.delete(f"/v1/datasets/{dataset['id']}").status_code == 204
    for method in ("GET", "DELETE"):
        assert empty.client.request(method, f"/v1/datasets/{dataset['id']}").status_code == 404
    assert listed(empty) == []


def test_pairs_are_shown(empty: RunningServer) -> None:
    lines = b'{"input": "2+2=", "target": "4"}\n' + b'{"input": [1], "target": [2, 3]}\n' * 10
    dataset = added(empty, "pairs.jsonl", lines)
    preview = empty.client.get(f"/v1/datasets/{dataset['id']}").json()["preview"]
    assert preview[0] == {"text": "2+2=4", "input": [50, 43, 50, 61], "target": [52]}
    assert preview[1:] == [{"text": "\1\2\3", "input": [1], "target": [2, 3]}] * 4


def test_vectors_are_shown(empty_of_frames: RunningServer) -> None:
    file = io.BytesIO()
    np.savez(file, inputs=np.eye(3), targets=np.full((3, 2), 0.5))
    sets = [
        added(empty_of_frames, "v.npz", file.getvalue()),
        added(empty_of_frames, "V.CSV", HEADER + b"1,0,0,.5,.5\n0,1,0,.5,.5\n0,0,1,.5,.5\n", **COLUMNS),
        added(empty_of_frames, "v.jsonl", b'{"input": [1, 0, 0], "target": [0.5, 0.5]}\n'),
    ]
    for dataset in sets:
        assert (dataset["kind"], dataset["inputs"], dataset["outputs"], dataset["tokens"]) == ("vectors", 3, 2, None)
        preview = empty_of_frames.client.get(f"/v1/datasets/{dataset['id']}").json()["preview"]
        assert preview[0] == {"input": [1, 0, 0], "target": [0.5, 0.5]}
        assert len(preview) == dataset["items"]
    assert listed(empty_of_frames) == sets


def test_what_is_said_of_a_file_counts_wherever_it_stands(empty_of_frames: RunningServer) -> None:
    parts = [("file", ("../dir/x.dat", HEADER + b"1,0,1,0,1\n"))]
    fields = [("inputs", "a"), ("inputs", "b,c"), ("format", "csv"), ("targets", "d"), ("targets", "e")]
    parts += [(name, (None, value.encode())) for name, value in fields]  # type: ignore[misc]
    response = empty_of_frames.client.post("/v1/datasets", files=parts)
    assert response.status_code == 201, response.text
    assert response.json()["name"] == "x.dat"
    named = added(empty_of_frames, "x.jsonl", b'{"input": [0, 0, 0], "target": [0, 1]}', name="a better näme")
    assert named["name"] == "a better näme"


def test_a_list_is_paged(empty: RunningServer) -> None:
    ids = [added(empty, f"{number}.txt", b"%d" % number)["id"] for number in range(5)]
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = empty.client.get("/v1/datasets", params={"limit": 2, **after}).json()
        found += [dataset["id"] for dataset in page["data"]]
        if not page["has_more"]:
            break
        after = {"after": page["next"]}
    assert page["next"] is None
    assert found == ids
    assert errors(empty.client.get("/v1/datasets", params={"after": "0" * 32}))[0]["parameter"] == "after"


def test_data_sets_survive_a_kill(new_server: Callable[..., ThreadServer], tmp_path: Path) -> None:
    server = new_server(neurons=1000).start()
    dataset = added(server, "a.txt", b"a text")
    (tmp_path / "data/default/datasets/0123456789abcdef").mkdir(parents=True)
    (tmp_path / "data/default/datasets/0123456789abcdef/chunk-00000").write_bytes(b"of an upload that was cut off")
    server.kill()
    server.start()
    assert listed(server) == [dataset]
    assert server.client.get(f"/v1/datasets/{dataset['id']}").json()["preview"] == [{"text": "a text"}]
    assert len(stored(tmp_path)) == 2
    assert server.client.delete(f"/v1/datasets/{dataset['id']}").status_code == 204
    assert stored(tmp_path) == []


# What is refused. What is found in files is in test_dataset_files.py:


@pytest.mark.parametrize(
    ("name", "content", "fields", "place"),
    [
        ("a.txt", b"", {}, {"pointer": "/file"}),
        ("a.txt", b"a\n\xff", {}, {"pointer": "/file", "line": 2}),
        ("a.jsonl", b'{"input": [1], "target": [300]}', {}, {"pointer": "/target/0", "line": 1}),
        ("a.jsonl", b'{"text": "a"}\n{"text": 1}', {}, {"pointer": "/text", "line": 2}),
        ("a", b"a", {}, {"pointer": "/format"}),
        ("a.pdf", b"a", {}, {"pointer": "/format"}),
        ("a.txt", b"a", {"format": "pdf"}, {"pointer": "/format"}),
        ("a.txt", b"a", {"name": ""}, {"pointer": "/name"}),
        ("a.txt", b"a", {"name": "x" * 129}, {"pointer": "/name"}),
        ("a.txt", b"a", {"name": "a\nb"}, {"pointer": "/name"}),
        ("a.txt", b"a", {"inputs": "a"}, {"pointer": "/inputs"}),
        ("a.txt", b"a", {"unknown": "a"}, {"pointer": ""}),
        ("a.txt", b"a", {"name": "x" * 2**21}, {"pointer": "/name"}),
        ("a.csv", HEADER + b"1,1,1,1,1", COLUMNS, {"pointer": "/file"}),
        ("a.csv", HEADER, {"inputs": "a"}, {"pointer": "/targets"}),
        ("a.csv", HEADER, {"inputs": "a,,b", "targets": "d"}, {"pointer": "/inputs"}),
    ],
)
def test_wrong_uploads_to_a_net_of_tokens(
    empty: RunningServer, name: str, content: bytes, fields: dict[str, str], place: dict[str, Any]
) -> None:
    (found,) = errors(upload(empty, name, content, **fields))
    assert found.pop("detail")
    assert found == place
    assert listed(empty) == []


def test_wrong_uploads_to_a_net_of_frames(empty_of_frames: RunningServer) -> None:
    found = errors(upload(empty_of_frames, "a.csv", HEADER + b"1,1,1,1,nan\n1,1,1,1\n", **COLUMNS))
    assert [(place["line"], place.get("column")) for place in found] == [(2, "e"), (3, None)]
    file = io.BytesIO()
    np.savez(file, inputs=np.ones((5, 3)), targets=np.full((5, 2), 1.5))
    found = errors(upload(empty_of_frames, "a.npz", file.getvalue()))
    assert [place["pointer"] for place in found] == [
        f"/file/targets/{row}/{column}" for row in range(5) for column in (0, 1)
    ]
    assert listed(empty_of_frames) == []


FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\na text\r\n--x--\r\n'


@pytest.mark.parametrize(
    ("status", "kind", "content"),
    [
        (201, "multipart/form-data; boundary=x", FORM),
        (415, "application/json", b"{}"),
        (415, "multipart/mixed; boundary=x", FORM),
        (415, "application/x-www-form-urlencoded", b"file=a"),
        (400, "multipart/form-data", FORM),
        (400, "multipart/form-data; boundary=y", FORM),
        (400, "multipart/form-data; boundary=", FORM),
        (400, "multipart/form-data; boundary=" + "x" * 10_000, FORM),
        (400, "multipart/form-data; boundary=x", FORM[:-5]),
        (400, "multipart/form-data; boundary=x", FORM.replace(b"Content-Disposition", b"X" * 100_000)),
        (422, "multipart/form-data; boundary=x", FORM.replace(b'"file"', b'"name"')),
        (422, "multipart/form-data; boundary=x", FORM.replace(b'name="file"', b"")),
        (422, "multipart/form-data; boundary=x", b"--x--\r\n"),
        (422, "multipart/form-data; boundary=x", FORM[:-7] + b"\r\n" + FORM),  # two files
        (422, "multipart/form-data; boundary=x", FORM.replace(b"file", b"name").replace(b"a text", b"\xff")),
    ],
)
def test_forms(empty: RunningServer, status: int, kind: str, content: bytes) -> None:
    response = empty.client.post("/v1/datasets", content=content, headers={"content-type": kind})
    assert response.status_code == status, response.text
    if status == 201:
        assert response.json()["name"] == "a.txt"
    else:
        assert response.headers["content-type"] == "application/problem+json"
        assert listed(empty) == []
