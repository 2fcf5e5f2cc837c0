"""What each golden store was told: together every kind of record, in every state that a start can find one in."""

import random
from collections.abc import Callable
from typing import Any

from service.journal.records import EpisodeRecord, IdleRecord, InputRecord, NoteRecord, UnorderedRestoreRecord
from tests.golden.golden import Steps, hear_ack, stream, tell
from tests.golden.recording import Recording, place_of, until

Story = Callable[[Recording], Steps]  # what is asked after the next start


def text(number: int, signs: int) -> str:
    """Make a text, always the same for a number, of few letters: the columns of all others are alike, and pack well."""
    return "".join(random.Random(number).choices("abcdefgh ", k=signs))


def frames(number: int, ticks: int, inputs: int = 3, outputs: int = 2) -> dict[str, Any]:
    """Make frames, always the same for a number; those of an odd one have teachers, but not at every tick."""
    chance = random.Random(number)
    rows = [[round(chance.random(), 3) for _ in range(inputs)] for _ in range(ticks)]
    if number % 2 == 0:
        return {"frames": rows}
    wanted = [[round(chance.random(), 3) for _ in range(outputs)] if tick % 3 else None for tick in range(ticks)]
    return {"frames": rows, "teachers": wanted}


def table(rows: int, inputs: int, outputs: int) -> str:
    """Make a .csv file with named columns."""
    names = [*(f"in{i}" for i in range(inputs)), *(f"out{i}" for i in range(outputs))]
    chance = random.Random(rows)
    lines = [",".join(str(round(chance.random(), 2)) for _ in names) for _ in range(rows)]
    return "\n".join([",".join(names), *lines])


def tokens_born(life: Recording) -> Steps:
    """No snapshot: every record from the first on, one of a disk that was full among them."""
    server = life.start(neurons=416)
    server.run(text=text(1, 200))
    server.run(tokens=[97, 98, 99, 255], learn=False)
    life.tell("reader", text=text(2, 50))
    life.tell("reader", text=text(3, 20), learn=False)
    life.tell("other", tokens=[100, 101])
    life.post("first", text=text(4, 30))
    life.change(learning_rate=1.5)
    life.post("second", text=text(5, 30), learn=False)
    life.change(plasticity=False)
    life.tell("reader", text=text(6, 40))
    life.change(learning_rate=2.0, plasticity=True)
    life.begin("dream", dataset=life.upload("words.txt", text(7, 700)), epochs=2, validation=0.2)
    life.ended()
    life.fill_disk(room=0)
    assert server.client.post("/v1/inputs", json={"text": "refused"}).status_code == 503
    life.empty_disk()
    until(lambda: life.count(NoteRecord) == 1)
    life.begin("sleep", ticks=200)
    life.ended()
    life.tell("other", text=text(8, 30))
    life.change(learning_rate=0.8)
    return [{"sleep": {}}, {"client": "other", "seq": 3, "input": {"text": text(9, 30)}}]


def tokens_half(life: Recording) -> Steps:
    """A snapshot in the middle of an input, which a fit is a fork of; what it fitted comes home as changes."""
    life.start(neurons=416)
    dataset = life.upload("words.txt", text(10, 400))
    life.server.run(text=text(11, 100))
    life.tell("reader", text=text(12, 30))
    life.half("half", text=text(13, 500))
    life.begin("fit", dataset=dataset, commit="rebase", force=True, epochs=1, validation=0.0)
    until(lambda: life.snapshots(of_jobs=False) == 1)
    life.change(paused=False)
    life.tell("reader", text=text(14, 30))
    life.change(paused=True)
    life.post("waits for the fit", wait=False, text=text(15, 20))
    life.adopt_unsaved(job_unsaved=True)
    assert place_of(life, 1)[2] > 0
    life.change(learning_rate=2.5)
    life.server.run(text=text(16, 50))
    life.change(plasticity=False)
    life.tell("reader", text=text(17, 50))
    return [{"change": {"plasticity": True}}, {"sleep": {"ticks": 99}}, {"input": {"text": "abc"}}]


def tokens_restored(life: Recording) -> Steps:
    """Two restores: one gives an input up in the middle, across both of them others wait, and a dream."""
    server, dataset = life.start(neurons=416), life.upload("words.txt", text(20, 600))
    life.tell("reader", text=text(21, 60))
    first = server.snapshot()
    life.tell("reader", text=text(22, 40))
    life.change(learning_rate=1.5)
    second = server.snapshot()
    life.post("forgotten", text=text(23, 40))
    life.half("refused", text=text(24, 400))
    refused = life.repeats.pop()
    life.post("waits for the first", wait=False, text=text(25, 30))
    life.restore(second)
    life.change(paused=False)
    life.tell("reader", text=text(26, 30))
    life.change(paused=True)
    life.clients["reader"] += 1
    with stream(server, "reader") as connection:
        tell(connection, life.clients["reader"], text=text(27, 20))
        until(lambda: server.net()["queue_depth"] == 20)
        life.change(learning_rate=0.7)
        life.post("waits for the second", wait=False, text=text(28, 25))
        life.change(plasticity=False)
        life.post("waits and is not learnt", wait=False, text=text(29, 25))
        life.change(plasticity=True)
        life.begin("dream", dataset=dataset)
        until(lambda: life.count(EpisodeRecord) == 1)
        life.restore(first)
        life.change(paused=False)
        hear_ack(connection, life.clients["reader"])
    life.ended()
    life.tell("reader", text=text(30, 30))
    assert [bool(each.refused) for each in life.records() if isinstance(each, UnorderedRestoreRecord)] == [True, False]
    return [refused, {"client": "reader", "seq": 6, "input": {"text": "gone on"}}]


def frames_born(life: Recording) -> Steps:
    """Ticks without input, computed and learnt from, then counted; teachers, dreams and sleep of a net of frames."""
    options = {"inputs": 3, "outputs": 2, "preset": "literal", "neurons": 12}
    life.start(**options, idle_learning=True, rest_after=20)
    for number in range(4):
        life.server.run(**frames(number, 5))
    life.server.run(**frames(5, 5), learn=False)
    for number in range(6, 9):
        life.idle(60)
        life.tell("sensor", **frames(number, 4))
        life.change(learning_rate=0.001 * number, plasticity=number != 7)
    dataset = life.upload("rows.csv", table(200, 3, 2), inputs="in0,in1,in2", targets="out0,out1")
    for given in ("pulse", "held"):
        life.begin("dream", dataset=dataset, input=given, ticks_per_item=3, seed=5)
    life.ended()
    life.begin("sleep", ticks=100)
    life.ended()
    life.post("measured", **frames(9, 6))
    assert life.count(IdleRecord) > 3
    return [{"sleep": {}}, {"input": frames(11, 6)}]


def frames_fitted(life: Recording) -> Steps:
    """What a fit has made comes home in the net's place; and a dream that is not at its end."""
    life.start(inputs=4, outputs=3, neurons=100)
    columns = {"inputs": "in0,in1,in2,in3", "targets": "out0,out1,out2"}
    dataset = life.upload("rows.csv", table(300, 4, 3), **columns)
    life.server.run(**frames(31, 20, 4, 3))
    life.change(paused=True)
    life.begin("fit", dataset=dataset, commit="replace", force=True, epochs=2)
    until(lambda: life.snapshots(of_jobs=False) == 1)
    life.post("learnt for nothing", wait=False, **frames(33, 8, 4, 3))
    life.adopt_unsaved()
    life.tell("sensor", **frames(35, 8, 4, 3))
    life.begin("dream", dataset=dataset, epochs=12, share=1.0, seed=3)
    until(lambda: life.count(EpisodeRecord) > 4)
    life.change(paused=True)
    assert 4 < life.count(EpisodeRecord) < 30
    return [{"sleep": {"ticks": 200, "rate": 0.5}}, {"input": frames(37, 6, 4, 3)}]


def frames_restored(life: Recording) -> Steps:
    """A snapshot that was taken after a restore, while inputs from before it still waited."""
    life.start(inputs=3, outputs=2, preset="manifesto", neurons=5)
    life.tell("sensor", **frames(41, 10))
    first = life.server.snapshot()
    life.tell("sensor", **frames(43, 10))
    life.change(learning_rate=0.25)
    life.server.snapshot()
    life.tell("sensor", **frames(45, 10))
    life.change(paused=True)
    life.post("waits", wait=False, **frames(47, 10))
    life.change(learning_rate=0.75)
    life.post("waits, too", wait=False, **frames(49, 10))
    life.restore(first)
    life.server.snapshot()
    life.change(paused=False)
    life.tell("sensor", **frames(51, 10))
    life.change(learning_rate=0.4)
    assert place_of(life, 3)[0] < max(
        number for number, each in enumerate(life.records(), 1) if isinstance(each, UnorderedRestoreRecord)
    )
    assert life.count(InputRecord) == 6
    return [{"client": "sensor", "seq": 5, "input": frames(53, 10)}]


def frames_begun(life: Recording) -> Steps:
    """A journal that begins with a snapshot of a net which had lived without one."""
    options = {"inputs": 2, "outputs": 1, "neurons": 40}
    server = life.start(**options, journal="off")
    server.run(**frames(61, 10, 2, 1))
    server.snapshot()
    life.start(**options)
    life.tell("sensor", **frames(63, 10, 2, 1))
    life.change(learning_rate=0.25)
    life.post("measured", **frames(65, 10, 2, 1))
    return [{"client": "sensor", "seq": 2, "input": frames(67, 10, 2, 1)}]


def dendrites_rewired(life: Recording) -> Steps:
    """A net of dendrites that found other contexts in its sleep, and has dreamt since."""
    life.start(preset="dendrites", variant="fast", max_lines=2**13)
    server, dataset = life.server, life.upload("words.txt", text(70, 600))
    server.run(text=log(300))
    life.tell("reader", text=text(71, 60))
    life.begin("sleep")
    until(lambda: life.snapshots(of_jobs=False) == 1)
    life.change(paused=True)
    life.post("waits for the search", wait=False, text=text(72, 40))
    life.adopt_unsaved()
    life.tell("reader", text=log(20))
    life.change(learning_rate=0.5)
    life.begin("dream", dataset=dataset, validation=0.2)
    life.ended()
    life.post("after all", text=text(73, 30))
    return [{"client": "reader", "seq": 3, "input": {"text": log(10)}}, {"change": {"plasticity": False}}]


def streams_watched(life: Recording) -> Steps:
    """Streams of every kind, before a snapshot and behind it: judged, muted, changed, and one forgotten."""
    server = life.start(preset="dendrites", variant="fast", max_lines=2**12)
    lines = log(600).splitlines()
    life.observe(stream="load", values=wave(1, 300))
    life.observe(stream="auth", lines=[*lines[:520], "out of memory"])
    life.observe(stream="host", rows=[{"values": each} for each in loads(2, 420)])
    life.observe(stream="calls", rows=[{"fields": each} for each in calls(520)])
    life.observe(stream="gone", values=wave(3, 20))
    server.snapshot()
    life.observe("first", stream="load", values=[*wave(4, 50), 99.0])
    life.observe("second", stream="auth", lines=[*lines[520:560], "disk failure, sector seventeen"])
    life.observe(stream="host", rows=[{"values": {"cpu": 10.0, "memory": 90.0}}])
    life.observe(stream="calls", rows=[{"fields": {"method": "DELETE", "status": 500}}])
    event = {"stream": "load", "event": 1, "verdict": "normal"}
    assert server.client.post("/v1/feedback", json=event).status_code == 200
    change = {"maintenance": [{"begin": 1.0, "end": 5e9}], "options": {"budget": 5.0}}
    assert server.client.patch("/v1/streams/auth", json=change).status_code == 200
    life.observe(stream="auth", lines=["kernel panic"], learn=False)
    assert server.client.delete("/v1/streams/gone").status_code == 204
    life.observe(stream="gone", lines=["of lines now"])
    return [{"rows": {"stream": "load", "values": [*wave(5, 30), -99.0]}}, {"rows": {"stream": "gone", "lines": ["b"]}}]


def sessions_of_tokens(life: Recording) -> Steps:
    """Sessions before a snapshot and behind it: in turns, forgotten and begun anew, and the net's own mind."""
    server = life.start(preset="dendrites", variant="fast", max_lines=2**12)
    server.run(text=text(80, 30))
    server.run(session="ann", text=text(81, 20))
    life.tell("reader", session="bob", text=text(82, 20))
    server.run(session="gone", text=text(83, 10))
    server.snapshot()
    life.post("first", session="ann", text=text(84, 50))
    life.tell("reader", session="bob", text=text(85, 40))
    server.run(text=text(86, 30))
    server.run(session="ann", text=text(87, 30), learn=False)
    assert server.client.delete("/v1/sessions/gone").status_code == 204
    life.post("second", session="gone", text=text(88, 20))
    return [{"input": {"session": name, "text": text(89, 20)}} for name in ("bob", "ann", "gone", "new")]


def sessions_of_frames(life: Recording) -> Steps:
    """Sessions that a restore takes back to what they were, of which one is then forgotten."""
    server = life.start(inputs=3, outputs=2, preset="literal", neurons=12)
    server.run(**frames(90, 5))
    life.tell("sensor", session="left", **frames(91, 5))
    server.run(session="right", **frames(93, 5))
    first = server.snapshot()
    server.run(session="left", **frames(95, 5))
    server.run(session="undone", **frames(96, 5))
    life.restore(first)
    life.post("measured", session="right", **frames(97, 5))
    assert server.client.delete("/v1/sessions/left").status_code == 204
    life.tell("sensor", session="middle", **frames(99, 5))
    return [{"input": {"session": name, **frames(101, 5)}} for name in ("right", "left")] + [{"sleep": {"ticks": 50}}]


def wave(number: int, rows: int) -> list[float]:
    """Make values, always the same for a number, about 10."""
    chance = random.Random(number)
    return [round(10 + (row % 12) / 6 + chance.gauss(0, 0.1), 2) for row in range(rows)]


def loads(number: int, rows: int) -> list[dict[str, float]]:
    """Make rows of two values that go together."""
    chance = random.Random(number)
    return [{"cpu": value, "memory": round(3 * value + chance.gauss(0, 0.1), 2)} for value in wave(number, rows)]


def calls(rows: int) -> list[dict[str, Any]]:
    """Make events."""
    chance = random.Random(rows)
    return [
        {"method": chance.choice(["GET", "POST"]), "status": 200, "user": {"name": f"u{chance.randrange(5)}"}}
        for _ in range(rows)
    ]


def log(lines: int) -> str:
    """Make lines of a log, always the same for their number, which `fast` does not predict best."""
    chance = random.Random(lines)
    return "".join(
        f"{10 * i:06d} {chance.choice(['INFO', 'WARN'])} node{chance.randrange(99)}: block {chance.getrandbits(16)} "
        f"of size {chance.choice([64, 128])} {chance.choice(['received', 'deleted'])}\n"
        for i in range(lines)
    )


STORIES: list[Story] = [
    tokens_born,
    tokens_half,
    tokens_restored,
    frames_born,
    frames_fitted,
    frames_restored,
    frames_begun,
    dendrites_rewired,
    streams_watched,
    sessions_of_tokens,
    sessions_of_frames,
]
