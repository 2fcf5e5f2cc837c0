"""The page at `/` in a real browser: each panel with what a real server tells."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.api.asking import until
from tests.jobs.client import begin, end_of, upload
from tests.page.browser import Visit
from tests.page.picture import MOST_BYTES, take
from tests.realnet.vocabularies import bytes_and_words
from tests.running_server import ThreadServer

TEXT = "the net lives, and learns from every token. " * 20


def test_letters_are_coloured_by_their_surprise_before_they_were_learnt(visit: Visit) -> None:
    outputs = visit.server.run(text="A grü\u200bß\n<img src=x onerror=alert(1)>")
    letters = visit.page.locator("#text [data-bits]")
    expect(letters.last).to_have_text(">")
    assert visit.see("text").inner_text() == "A grü‹200b›ß↵\n<img src=x onerror=alert(1)>"
    shown = letters.evaluate_all("all => all.map((each) => [Number(each.dataset.bits), each.className])")
    assert sum(bits for bits, _ in shown) == pytest.approx(sum(each["surprise"] for each in outputs), abs=0.5)
    assert all(name == f"s{sum(bits >= step for step in (1, 2, 4, 6, 8))}" for bits, name in shown)
    assert {name for _, name in shown} >= {"s4", "s5"}
    assert visit.page.locator("#text img").count() == 0

    visit.server.run(tokens=[0xC3, 0x28, 0xFF, 0x00, 0x1B])
    expect(letters.last).to_have_text("‹1b›")
    assert letters.all_inner_texts()[-5:] == ["‹c3›", "(", "‹ff›", "‹00›", "‹1b›"]
    letters.last.hover()
    expect(visit.see("letter")).to_contain_text("bits, it gave it")


@pytest.mark.long
def test_a_flood_is_sampled(visit: Visit) -> None:
    for _ in range(4):
        visit.server.client.post("/v1/inputs?wait=true&outputs=none", json={"text": TEXT * 20}).raise_for_status()
    visit.server.run(text="the end of it")
    expect(visit.page.locator("#text [data-bits]").last).to_have_text("t")
    expect(visit.page.locator("#text .gap").first).to_contain_text("not shown")
    assert visit.page.evaluate("document.getElementById('text').childNodes.length") <= 2000


@pytest.mark.long
def test_ticks_without_input_are_no_letters_that_are_not_shown(visits: Callable[..., Visit]) -> None:
    with visits(variant="fast", tick_hz=1000) as visit:
        expect(visit.see("expected-note")).to_be_visible()  # it has heard nothing
        server = visit.server
        server.run(text="first")
        tick = server.net()["tick"]
        until(lambda: server.net()["tick"] > tick + 100)
        server.run(text="second")
        expect(visit.see("text")).to_have_text("firstsecond")
        expect(visit.see("expected-note")).to_be_hidden()


def test_numbers_and_what_it_expects(visit: Visit) -> None:
    visit.server.run(text=TEXT)
    net = visit.server.net()
    expect(visit.see("n-surprise")).to_have_text(f"{net['surprise']:.2f} bits")
    expect(visit.see("n-listeners")).to_have_text("1")
    expect(visit.see("n-queue")).to_have_text("0")
    expect(visit.see("n-memory")).to_have_text(re.compile(r"\d+ [MG]B"))
    expect(visit.see("about")).to_contain_text("dendrites")
    expected = visit.server.client.get("/v1/net/expected").json()["next"]
    rows = visit.see("expected").locator("li")
    expect(rows).to_have_count(5)
    expect(rows.first).to_contain_text(expected[0]["text"].replace(" ", "␣"))
    expect(rows.first).to_contain_text(f"{100 * expected[0]['probability']:.0f}%")


@pytest.mark.long
def test_the_line_of_its_life_stands_beside_bzip2_and_xz(visit: Visit) -> None:
    visit.server.run(text=TEXT)
    for name, told in (
        ("surprise", r"surprise \d"),
        ("accuracy", r"accuracy \d"),
        ("bzip2", r"bzip2 \d"),
        ("xz", r"xz \d"),
    ):
        expect(visit.page.locator(f"#life-legend .{name}")).to_have_text(re.compile(told))
    expect(visit.see("life").locator("canvas")).to_have_count(1)
    expect(visit.see("life-note")).to_contain_text("were measured here")


def test_dendrites_and_weights(visit: Visit) -> None:
    visit.server.run(text=TEXT)
    explained = visit.server.client.get("/v1/net/explain", params={"fresh": False}).json()
    first = explained["dendrites"][0]
    row = visit.see("activity").get_by_role("row", name=re.compile(rf"^{first['context']} {first['bits']:.2f} "))
    expect(row).to_be_visible()
    expect(visit.page.locator("#activity tbody tr")).to_have_count(len(explained["dendrites"] + explained["recalls"]))
    expect(visit.see("matrix-note")).to_contain_text("gains")
    drawn = "matrix.getContext('2d').getImageData(0, 0, matrix.width, matrix.height).data.some(Boolean)"
    assert visit.page.evaluate(drawn)


def test_what_is_said_is_learnt(visit: Visit) -> None:
    before = visit.server.net()["tokens_seen"]
    visit.see("say").fill("tell me a ß")
    visit.see("say").press("Control+Enter")
    expect(visit.see("say-answer")).to_contain_text(re.compile(r"Learnt. It was surprised by \d+\.\d\d bits a byte"))
    expect(visit.see("say-answer")).to_contain_text("tell me a ß")
    expect(visit.see("say")).to_have_value("")
    assert visit.server.net()["tokens_seen"] == before + 12

    visit.press("Pause")
    expect(visit.see("mode")).to_have_text("paused")
    visit.see("say").fill("later")
    visit.press("Teach")
    expect(visit.see("say-answer")).to_contain_text("once it is resumed")
    expect(visit.see("n-queue")).to_have_text("5")
    visit.press("Resume")
    expect(visit.see("n-queue")).to_have_text("0")
    assert visit.server.net()["tokens_seen"] == before + 17


@pytest.mark.long
def test_it_talks_on_and_learns_nothing_of_it(visit: Visit) -> None:
    visit.server.run(text=TEXT)
    weights = visit.server.weights()
    visit.see("prompt").fill("the net lives, ")
    visit.see("temperature").fill("0")
    expect(visit.see("temperature-value")).to_have_text("0")
    visit.press("Talk on")
    expect(visit.see("talk-answer")).to_contain_text("the net lives, and learns from every token. the net")
    expect(visit.see("talk-stop")).to_be_hidden()
    assert visit.server.weights() == weights


@pytest.mark.long
def test_a_file_is_streamed_as_it_is(visit: Visit) -> None:
    before, content = visit.server.net()["tokens_seen"], random.Random(0).randbytes(20_000)
    visit.see("file").set_input_files({"name": "a.bin", "mimeType": "", "buffer": content})
    expect(visit.see("file-name")).to_have_text("a.bin, 20.0 kB")
    visit.press("Stream it")
    expect(visit.see("file-answer")).to_have_text("All 20,000 bytes of a.bin were taken.")
    until(lambda: visit.server.net()["tokens_seen"] == before + 20_000)


def test_a_file_is_kept_and_dreamt_of(visit: Visit) -> None:
    visit.page.evaluate(
        """() => {
            const transfer = new DataTransfer();
            transfer.items.add(new File(["a dream of a mountain"], "notes.md"));
            document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: transfer }));
        }"""
    )
    visit.press("Keep as a data set")
    expect(visit.see("file-answer")).to_have_text("notes.md is kept: 1 item.")
    visit.press("Dream of it: notes.md")
    expect(visit.see("jobs").locator("li").first).to_contain_text("dream")
    expect(visit.see("jobs").locator("li").first).to_contain_text("done")
    visit.press("Delete: notes.md")
    visit.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(visit.see("datasets").locator("li")).to_have_count(0)


@pytest.mark.long
def test_a_job_is_followed_and_cancelled(visit: Visit) -> None:
    job = begin(visit.server, "dream", dataset=upload(visit.server, "long.txt", TEXT * 200), epochs=100)
    row = visit.see("jobs").locator("li").first
    expect(row.get_by_role("progressbar")).to_be_visible()
    expect(visit.see("mode")).to_have_text("dreaming")
    visit.press(f"Cancel dream {int(job)}")
    expect(row).to_contain_text("cancelled")
    assert end_of(visit.server, job)["status"] == "cancelled"


@pytest.mark.long
def test_it_thinks_on_while_nothing_comes(visit: Visit) -> None:
    visit.server.run(text=TEXT)
    visit.server.client.patch("/v1/net", json={"tick_hz": 100.0}).raise_for_status()
    visit.press("Think on")
    expect(visit.see("thinks")).to_contain_text("every token")
    visit.press("Think on")
    expect(visit.see("thinks")).to_be_hidden()
    visit.server.client.patch("/v1/net", json={"tick_hz": 0.001}).raise_for_status()
    visit.server.run(text="and it is awake again")


@pytest.mark.long
def test_talks_of_a_daydream_are_shown(visit: Visit) -> None:
    visit.server.run(text=TEXT)
    visit.press("Daydream")
    row = visit.see("jobs").locator("li").first
    expect(row).to_contain_text("done")
    talks = visit.server.client.get("/v1/jobs").json()["data"][-1]["result"]["talks"]
    shown = row.get_by_role("list", name="Talks of daydream").locator("li")
    expect(shown).to_have_count(len(talks))
    assert talks[0]["text"] in shown.first.locator("p").evaluate("each => each.textContent")


@pytest.mark.long
def test_snapshots_are_saved_kept_named_and_downloaded(visit: Visit) -> None:
    visit.see("snapshot-name").fill("first <b>")
    visit.press("Save")
    expect(visit.see("snapshots-answer")).to_have_text("Saved.")
    row = visit.see("snapshots").locator("li").first
    expect(row).to_contain_text("first <b>")
    visit.press("Let go: first <b>")
    expect(row).not_to_contain_text("kept")
    visit.press("Keep: first <b>")
    expect(row).to_contain_text("kept")
    visit.press("Name: first <b>")
    visit.page.get_by_label("Name", exact=True).fill("the second")
    visit.press("Name it")
    expect(row).to_contain_text("the second")
    with visit.page.expect_download() as download:
        visit.press("Download: the second")
    snapshot = visit.server.client.get("/v1/snapshots").json()["data"][-1]
    assert Path(download.value.path()).stat().st_size == snapshot["bytes"]
    assert (snapshot["name"], snapshot["kept"]) == ("the second", True)
    visit.press("Delete: the second")
    visit.press("Leave it")
    expect(row).to_contain_text("the second")

    visit.see("snapshot-file").set_input_files(
        {"name": "back.safetensors", "mimeType": "", "buffer": Path(download.value.path()).read_bytes()}
    )
    expect(visit.see("snapshots-answer")).to_contain_text("back.safetensors is here")
    expect(row).to_contain_text("back.safetensors")
    expect(row).to_contain_text("upload, kept")


@pytest.mark.long
def test_a_restore_asks_and_saves_first(visit: Visit) -> None:
    snapshot = visit.server.snapshot()
    tick = visit.server.run(text="to be undone")[-1]["tick"]
    title = f"at tick {snapshot['tick']:,}"
    visit.press(f"Restore: {title}")
    expect(visit.see("dialog-text")).to_contain_text("is saved first")
    visit.press("Save, then restore")
    expect(visit.see("snapshots-answer")).to_contain_text("Restored")
    assert visit.server.net()["tick"] == snapshot["tick"]
    saved = visit.server.client.get("/v1/snapshots").json()["data"][-1]
    assert (saved["name"], saved["tick"]) == ("before a restore", tick)


def test_it_comes_back_after_a_restart(browser: Browser, new_server: Callable[..., ThreadServer]) -> None:
    server = new_server(variant="fast").start()
    with Visit(browser, server, outage=True) as visit:
        visit.is_open()
        server.run(text="before")
        server.terminate()
        expect(visit.see("notice")).to_have_text(re.compile("restarts|is gone"))
        expect(visit.see("mode")).to_have_text("not connected")
        server.start()
        expect(visit.see("notice")).to_contain_text("Connected again after")
        server.run(text="after!")
        expect(visit.see("text")).to_contain_text("after!")
        expect(visit.see("n-seen")).to_have_text("12")


@pytest.mark.long
def test_a_net_with_a_tokenizer(visits: Callable[..., Visit], tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes(bytes_and_words())
    with visits(vocabulary=str(tmp_path / "tokenizer.json")) as visit:
        visit.is_open()
        visit.server.run(text="on the mat")
        expect(visit.see("text")).to_have_text("on the mat")
        expect(visit.see("n-seen-name")).to_have_text("Tokens lived")
        visit.see("file").set_input_files({"name": "a.txt", "mimeType": "", "buffer": ("ä dog " * 4000).encode()})
        visit.press("Stream it")
        expect(visit.see("file-answer")).to_contain_text("were taken")
        until(lambda: visit.server.net()["queue_depth"] == 0)
        seen = visit.server.net()["tokens_seen"]
        assert len(visit.server.run(text="on the mat" + "ä dog " * 4000)) == seen


@pytest.mark.long
def test_a_net_of_neurons_and_one_of_frames(visits: Callable[..., Visit], tmp_path: Path) -> None:
    with visits(preset="surprise", neurons=1000) as visit:
        visit.is_open()
        visit.server.run(text=TEXT)
        expect(visit.see("activity-note")).to_contain_text(re.compile(r"[1-9]\d* of 1,000 neurons fired at tick 880"))
        expect(visit.see("matrix-note")).to_contain_text("synapses")
    with visits(inputs=3, outputs=2, store=f"file://{tmp_path}/frames") as visit:
        visit.is_open()
        values = visit.server.run(frames=[[0, 1, 0.5]] * 30, teachers=[[1, 0]] * 30)[-1]["values"]
        said = ", ".join(f"{value:.2f}" for value in values)
        expect(visit.page.locator("#text canvas")).to_have_attribute("aria-label", f"The outputs say {said}")
        expect(visit.see("p-expected")).to_be_hidden()
        expect(visit.see("say")).to_be_hidden()
        rows = b"a,b,c,y,z\n" + b"0,1,0.5,1,0\n" * 20
        visit.see("file").set_input_files({"name": "rows.csv", "mimeType": "", "buffer": rows})
        visit.see("file-inputs").fill("a,b,c")
        visit.see("file-targets").fill("y,z")
        visit.press("Keep as a data set")
        expect(visit.see("file-answer")).to_have_text("rows.csv is kept: 20 items.")
        visit.check_access()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_finds_the_way(browser: Browser, server: ThreadServer, scheme: str) -> None:
    with Visit(browser, server, color_scheme=scheme) as visit:
        visit.is_open()
        server.run(tokens=list(random.Random(scheme).randbytes(40)))
        server.snapshot()
        expect(visit.page.locator("#text .s5").first).to_be_visible()
        expect(visit.see("snapshots").locator("li").first).to_be_visible()
        visit.check_access()
        visit.page.locator("#snapshots button").first.click()
        visit.check_access()  # the dialog
        visit.page.keyboard.press("Escape")
        expect(visit.see("dialog")).to_be_hidden()


@pytest.mark.long
def test_it_fits_a_phone(browser: Browser, server: ThreadServer) -> None:
    with Visit(browser, server, viewport={"width": 360, "height": 740}) as visit:
        visit.is_open()
        server.run(text="a-word-of-many-letters" * 20)
        server.snapshot()
        expect(visit.see("snapshots").locator("li").first).to_be_visible()
        expect(visit.see("activity").locator("tr").first).to_be_visible()
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 360
        visit.check_access()


def test_the_policy_lets_nothing_in(server: ThreadServer) -> None:
    response = server.client.get("/")
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; connect-src 'self'")
    assert "unsafe" not in policy
    assert "<script>" not in response.text
    for path in ("/page/../settings.py", "/page/%2e%2e/settings.py", "/page/none.js", "/page/vendor"):
        assert server.client.get(path).status_code == 404
    again = server.client.get("/", headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")


@pytest.mark.long
def test_the_pictures_of_the_docs_are_taken(browser: Browser, tmp_path: Path) -> None:
    take(browser, tmp_path)
    for name in ("page.png", "streams.png"):
        assert 20_000 < (tmp_path / name).stat().st_size < MOST_BYTES
