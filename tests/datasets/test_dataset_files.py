"""Files of every format, read against a net: what is right comes out exactly, what is wrong is told with its place."""

import csv
import hashlib
import io
import json
import tracemalloc
from typing import Any, BinaryIO, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realnet.interface import Interface
from service.datasets.items import PIECE_TOKENS
from service.datasets.readers.findings import LINE_BYTES
from service.datasets.upload import Format, Upload
from tests.datasets.dataset_reading import COLUMNS, FRAMES, TOKENS, batches, pairs, places, rows, texts

# Texts:


@pytest.mark.parametrize("length", [1, PIECE_TOKENS - 1, PIECE_TOKENS, PIECE_TOKENS + 1, 3 * PIECE_TOKENS, 2_000_000])
def test_a_txt_is_one_text_to_the_byte(length: int) -> None:
    text = ("text, ünïcödé\r\nand\n \0 so on " * (length // 20 + 1)).encode()[:length].decode(errors="ignore").encode()
    assert texts(batches(text, "txt", TOKENS)) == [text]


def test_a_byte_order_mark_is_no_text() -> None:
    mark = b"\xef\xbb\xbf"
    assert texts(batches(mark + b"a" + mark, "txt", TOKENS)) == [b"a" + mark]
    assert texts(batches(mark + b'{"text": "a"}', "jsonl", TOKENS)) == [b"a"]
    assert rows(batches(mark + b"a,b,c,d,e\n1,0,1,0,1", "csv", FRAMES, **COLUMNS)) == [[1, 0, 1, 0, 1]]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 200_000), st.sampled_from([b"\xff", b"\xe9 ", b"\xed\xa0\x80", b"\xc3"]), st.booleans())
def test_the_first_byte_that_is_no_utf8_is_told(offset: int, wrong: bytes, has_mark: bool) -> None:
    before = (b"\xef\xbb\xbf" if has_mark else b"") + ("é\n" * 100_000).encode()[: offset // 3 * 3]
    after = b"" if wrong == b"\xc3" else b"and so on"
    detail = f"not UTF-8: byte {len(before)}, from 0"
    assert places(before + wrong + after, "txt", TOKENS) == [
        {"detail": detail, "pointer": "/file", "line": before.count(b"\n") + 1}
    ]


def test_another_encoding_is_told() -> None:
    (place,) = places("a text".encode("utf-16"), "txt", TOKENS)
    assert place["detail"] == "not UTF-8: byte 0, from 0"


@pytest.mark.parametrize(("format", "shape"), [("txt", TOKENS), ("jsonl", TOKENS), ("jsonl", FRAMES)])
@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file(format: Format, shape: Interface, content: bytes) -> None:
    if content and format == "jsonl":
        assert places(content, format, shape) == [{"detail": "the line is empty", "line": 1}]
    else:
        assert places(content, format, shape) == [{"detail": "there is nothing in it", "pointer": "/file"}]


# Lines of JSON:


def test_lines_of_texts() -> None:
    long = "x" * (3 * PIECE_TOKENS + 5)
    lines = [json.dumps({"text": text}) for text in ("a", long, "\u00e9\n")]
    assert texts(batches("\r\n".join(lines).encode(), "jsonl", TOKENS)) == [b"a", long.encode(), "é\n".encode()]
    many = [json.dumps({"text": str(number)}) + "\n" for number in range(10_000)]
    read_ = batches("".join(many).encode(), "jsonl", TOKENS)
    assert texts(read_) == [str(number).encode() for number in range(10_000)]
    assert len(read_) == 3


def test_lines_of_pairs() -> None:
    content = b'{"input": "ab", "target": [0, 255]}\n{"target": "\\u00e9", "input": [7]}'
    assert pairs(batches(content, "jsonl", TOKENS)) == [([97, 98], [0, 255]), ([7], [0xC3, 0xA9])]


def test_lines_of_vectors() -> None:
    content = b'{"input": [0, 1, 0.5], "target": [1, 0]}\n{"input": [1, 1e-9, 0.25], "target": [0.0, -0.0]}\n'
    assert rows(batches(content, "jsonl", FRAMES)) == [[0, 1, 0.5, 1, 0], [1, np.float32(1e-9), 0.25, 0, 0]]


GOOD_PAIR = b'{"input": [1], "target": [2]}\n'
GOOD_ROW = b'{"input": [0, 1, 0.5], "target": [1, 0]}\n'


@pytest.mark.parametrize(
    ("line", "pointer"),
    [
        (b'{"input": [1], "target": [256]}', "/target/0"),
        (b'{"input": [1, -1], "target": [1]}', "/input/1"),
        (b'{"input": [1, 1.5], "target": [1]}', "/input/1"),
        (b'{"input": [1, true], "target": [1]}', "/input/1"),
        (b'{"input": [1, 100000000000000000000000000], "target": [1]}', "/input/1"),
        (b'{"input": [1, [2]], "target": [1]}', "/input/1"),
        (b'{"input": [], "target": [1]}', "/input"),
        (b'{"input": "", "target": [1]}', "/input"),
        (b'{"input": null, "target": [1]}', "/input"),
        (b'{"input": [1], "target": [%b]}' % b",".join([b"1"] * 65_537), "/target"),
        (b'{"input": [1], "target": "%b"}' % (b"x" * 65_537), "/target"),
        (b'{"input": [1], "target": [1], "more": 1}', None),
        (b'{"input": [1]}', None),
        (b'{"text": "a"}', None),  # after a pair
        (b'{"text": "a", "input": [1], "target": [1]}', None),
        (b"{}", None),
        (b"[]", None),
        (b"", None),
        (b"  ", None),
        (b'{"input": [1], "target": [NaN]}', None),
        (b'{"input": [1], "target": "\xff"}', None),
        (b'{"input": [1], "target": "\\ud800"}', None),
        (b'{"input": [1], "target": "\\u12"}', None),
        (b"nonsense", None),
        (b"[" * 100_000, None),
        (b'{"input": [1], "target": [1]} {}', None),
        (b'{"text": "%b"}' % (b"x" * LINE_BYTES), None),
    ],
)
def test_a_wrong_line_for_a_net_of_tokens(line: bytes, pointer: str | None) -> None:
    (place,) = places(GOOD_PAIR + line + b"\n" + GOOD_PAIR, "jsonl", TOKENS)
    assert (place["line"], place.get("pointer")) == (2, pointer)
    assert len(place["detail"]) < 100


@pytest.mark.parametrize(
    ("line", "pointer"),
    [
        (b'{"input": [1, 0], "target": [1, 0]}', "/input"),
        (b'{"input": [1, 0, 1, 0], "target": [1, 0]}', "/input"),
        (b'{"input": [1, 0, 1], "target": [1, 1.001]}', "/target/1"),
        (b'{"input": [1, 0, 1], "target": [1, -1e-9]}', "/target/1"),
        (b'{"input": [1, 0, 1e400], "target": [1, 1]}', "/input/2"),
        (b'{"input": [1, 0, null], "target": [1, 1]}', "/input/2"),
        (b'{"input": "abc", "target": [1, 1]}', "/input"),
        (b'{"input": [1, 0, NaN], "target": [1, 1]}', None),
        (b'{"input": [1, 0, Infinity], "target": [1, 1]}', None),
        (b'{"text": "a"}', None),
        (b'{"input": [1, 0, 1], "target": [%b1]}' % (b"1," * 100_000), None),
    ],
)
def test_a_wrong_line_for_a_net_of_frames(line: bytes, pointer: str | None) -> None:
    (place,) = places(GOOD_ROW + line + b"\n" + GOOD_ROW, "jsonl", FRAMES)
    assert (place["line"], place.get("pointer")) == (2, pointer)


def test_the_first_ten_problems_are_told() -> None:
    assert [place["line"] for place in places(GOOD_PAIR + b"{}\n" * 100, "jsonl", TOKENS)] == list(range(2, 12))
    assert [place["line"] for place in places(b"{}\n" * 9 + GOOD_PAIR * 9, "jsonl", TOKENS)] == list(range(1, 10))


def test_what_a_client_sent_is_not_repeated() -> None:
    found = places(b'{"secret": 1}\n{"text": ["secret"]}\nsecret\n', "jsonl", TOKENS)
    assert len(found) == 3
    assert "secret" not in str(found)


class Endless(io.RawIOBase):
    """`head`, then `size` bytes more, none of them kept anywhere."""

    def __init__(self, head: bytes, size: int) -> None:
        self._head, self._left = head, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._head[: len(buffer)] or b"a" * min(len(buffer), self._left)
        if self._head:
            self._head = self._head[len(piece) :]
        else:
            self._left -= len(piece)
        buffer[: len(piece)] = piece
        return len(piece)


@pytest.mark.long
@pytest.mark.parametrize(
    ("format", "shape", "size"), [("jsonl", TOKENS, 2**30), ("jsonl", FRAMES, 2**26), ("csv", FRAMES, 2**26)]
)
def test_a_line_of_a_gigabyte_takes_no_memory(format: Format, shape: Interface, size: int) -> None:
    columns = COLUMNS if format == "csv" else {}
    head = b"a,b,c,d,e\n" if format == "csv" else b""
    file = io.BufferedReader(Endless(head, size))
    tracemalloc.start()
    try:
        (place,) = places(cast(BinaryIO, file), format, shape, **columns)
        assert tracemalloc.get_traced_memory()[1] < 3 * LINE_BYTES
    finally:
        tracemalloc.stop()
    assert place["line"] == (2 if format == "csv" else 1)
    assert place["detail"].startswith("longer than ")


# Tables:


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_columns_are_taken_by_name(end: str) -> None:
    lines = ["no, d ,a,e,b,c,more", "x,.1,.2,.3,.4,.5,", '"y, z\n",1,"0", 1 ,0,1e-1,é']
    content = end.join(lines).encode()
    expected = np.array([[0.2, 0.4, 0.5, 0.1, 0.3], [0, 0, 0.1, 1, 1]], np.float32).tolist()
    assert rows(batches(content, "csv", FRAMES, **COLUMNS)) == expected
    copied = rows(batches(content, "csv", Interface(1, 2, None, 4, (), True), inputs=("a",), targets=("a", "e")))
    assert copied == [[row[0], row[0], row[4]] for row in expected]


def test_many_rows() -> None:
    numbers = np.random.default_rng(0).random((20_000, 5)).astype(np.float32)
    file = io.StringIO()
    csv.writer(file).writerows([["a", "b", "c", "d", "e"], *numbers.tolist()])
    read_ = batches(file.getvalue().encode(), "csv", FRAMES, **COLUMNS)
    assert rows(read_) == numbers.tolist()


HEADER = b"a,b,c,d,e\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", [(None, "/file", None)]),
        (HEADER, [(None, "/file", None)]),
        (b"a,b,c,d\n", [(None, "/targets", "e")]),
        (b"a;b;c;d;e\n", [(None, "/inputs", name) for name in "abc"] + [(None, "/targets", name) for name in "de"]),
        (b"a,b,c,d,e,a\n", [(None, "/inputs", "a")]),
        (HEADER[:-1] + b"," * 65_536, [(None, "/file", None)]),
        (b"\xff,a,b,c,d,e\n", None),
        (HEADER + b"1,1,1,1,1\n1,1,1,1\n1,1,1,1,1,1\n", [(3, None, None), (4, None, None)]),
        (HEADER + b"1,1,1,1,1\n\n1,1,1,1,1\n", [(3, None, None)]),
        (
            HEADER + b"nan,1,1,1,inf\n1,-0.001,1.001,x,\n",
            [(2, None, "a"), (2, None, "e")] + [(3, None, c) for c in "bcde"],
        ),
        (HEADER + b'"1\n",1,1,1,1\n2,1,1,1,1\n', [(4, None, "a")]),
        (HEADER + b"1,1,1,1,\xff\n2,1,1,1,1\n", [(2, None, None), (3, None, "a")]),
        (HEADER + b'1,1,1,1,"1"x\n1,1,1,1,1\n', [(2, None, None)]),
        (HEADER + b'1,1,1,1,"1\n', [(2, None, None)]),
        (HEADER + b"1,1,1,1," + b"1" * 200_000 + b"\n", [(2, None, None)]),
    ],
)
def test_a_wrong_table(content: bytes, expected: list[tuple[int | None, str | None, str | None]] | None) -> None:
    found = places(content, "csv", FRAMES, **COLUMNS)
    told = [(place.get("line"), place.get("pointer"), place.get("column")) for place in found]
    if expected is None:
        assert told[0] == (1, None, None)
    else:
        assert told == expected


def test_a_name_is_not_repeated_at_length() -> None:
    found = places(HEADER + b"1,1,1,1,1\n", "csv", FRAMES, **COLUMNS | {"targets": ("d", "e" * 10_000)})
    assert [len(place["column"]) for place in found] == [80]


def test_as_many_columns_as_the_net_has() -> None:
    found = places(HEADER + b"1,1,1,1,1\n", "csv", FRAMES, inputs=("a", "b"), targets=("c", "d", "e"))
    assert [place["pointer"] for place in found] == ["/inputs", "/targets"]


@pytest.mark.parametrize(("format", "shape"), [("csv", TOKENS), ("npz", TOKENS), ("txt", FRAMES)])
def test_a_file_for_another_kind_of_net(format: Format, shape: Interface) -> None:
    columns = COLUMNS if format == "csv" else {}
    (place,) = places(b"anything", format, shape, **columns)
    assert place["pointer"] == "/file"
    assert "this net" in place["detail"]


def test_an_id_is_of_the_content_and_of_how_it_is_read() -> None:
    def id_of(content: bytes, name: str, format: Format, **columns: tuple[str, ...]) -> str:
        return Upload(io.BytesIO(), 0, hashlib.sha256(content).hexdigest(), name, format, **columns).id

    id = id_of(b"a", "x", "csv", **COLUMNS)
    assert id == id_of(b"a", "y", "csv", **COLUMNS)
    others = {
        id_of(b"b", "x", "csv", **COLUMNS),
        id_of(b"a", "x", "txt"),
        id_of(b"a", "x", "csv", inputs=("a", "b"), targets=("c", "d", "e")),
        id_of(b"a", "x", "csv", inputs=("a", "b", "c"), targets=("e", "d")),
    }
    assert len(others) == 4
    assert id not in others
