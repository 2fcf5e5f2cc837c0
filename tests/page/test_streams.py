"""The panel of streams that are watched, in a real browser."""

import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.api.asking import until
from tests.page.browser import Visit
from tests.running_server import RunningServer, ThreadServer

SPIKE = 40.0


def noise(count: int, seed: str = "") -> list[float]:
    chance = random.Random(seed)
    return [round(chance.uniform(9, 11), 3) for _ in range(count)]


def observe(server: RunningServer, stream: str, **rows: Any) -> list[dict[str, Any]]:
    answer = server.client.post("/v1/observe?told=events", json={"stream": stream, **rows})
    assert answer.status_code == 200, answer.text
    told: list[dict[str, Any]] = answer.json()["told"]
    return told


def choose(visit: Visit, stream: str) -> None:
    visit.see("streams").get_by_role("button", name=stream).click()
    expect(visit.see("streams-name")).to_have_text(stream)
    expect(visit.see("streams-chart")).to_have_attribute("aria-label", f"The last rows of {stream}")


def news_of(visit: Visit, stream: str) -> Locator:
    show = visit.page.get_by_role("button", name=f"Show {stream}", exact=True)
    return visit.see("news").locator("li").filter(has=show)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    server = ThreadServer(tmp_path_factory.mktemp("streams"), variant="fast", max_lines=2**14).start()
    for name in ("cpu", "works", *(f"many/{number}" for number in range(1, 6))):
        observe(server, name, values=noise(200))
    observe(server, "auth.log", lines=[f"session {number} opened for user u{number % 7}" for number in range(520)])
    values = [*noise(250), SPIKE, *noise(9)]
    observe(server, "keys", rows=[{"at": 1767225600 + 60 * row, "value": value} for row, value in enumerate(values)])
    observe(server, "young", values=noise(30))
    several = [{"cpu": cpu, "memory": memory} for cpu, memory in zip(noise(200, "cpu"), noise(200), strict=True)]
    observe(server, "host", rows=[{"values": each} for each in [*several, {"cpu": 10, "memory": SPIKE}]])
    assert server.client.put("/v1/streams/empty", json={"kind": "values"}).status_code == 201
    yield server
    server.close()


@pytest.fixture
def visit(browser: Browser, shared: ThreadServer) -> Iterator[Visit]:
    with Visit(browser, shared) as visit:
        expect(visit.see("p-streams")).to_be_visible()
        visit.see("p-streams").scroll_into_view_if_needed()
        yield visit


def test_a_spike_is_marked_and_is_no_news_once_it_is_said_to_be_normal(visit: Visit) -> None:
    choose(visit, "cpu")
    expect(visit.see("streams-facts")).to_have_text("200 rows of values, 0 events (0.0 in 1,000 rows)")
    observe(visit.server, "cpu", values=[SPIKE])
    event = news_of(visit, "cpu")
    expect(event.locator(".came")).to_have_text("40")
    expect(event.locator(".rarity")).to_have_text(
        re.compile(r"expected: 9\.9.* bits, score 0\.\d\d: it was never so far")
    )
    expect(event.locator(".state")).to_have_text("row 201, goes on")
    expect(visit.see("streams-chart").locator(".mark.open")).to_have_count(1)
    for name in ("value", "expected", "band", "score.news"):
        expect(visit.see("streams-chart").locator(f"path.{name}")).to_have_attribute("d", re.compile("M"))

    observe(visit.server, "cpu", values=noise(60, "after"))
    expect(event.locator(".state")).to_have_text("row 201, is over")
    expect(visit.see("streams-chart").locator(".mark.closed")).to_have_count(1)
    visit.press("Normal: event 1 of cpu")
    expect(event.get_by_role("status")).to_have_text("no news from now on")
    expect(event.get_by_role("button", name="Normal")).to_have_attribute("aria-pressed", "true")
    assert observe(visit.server, "cpu", values=[SPIKE]) == []
    expect(visit.see("streams-row")).to_contain_text("row 262: 40; expected: ")
    expect(visit.see("streams-chart").locator(".mark.open")).to_have_count(1)


def test_lines_that_are_new_are_shown_as_they_are(visit: Visit) -> None:
    choose(visit, "auth.log")
    expect(visit.see("streams-lines")).to_have_text("No line was news lately.")
    observe(visit.server, "auth.log", lines=["out of \u202ememory: <b>killed</b> for user u1"])
    shown = "out of ‹202e›memory: <b>killed</b> for user u1"
    expect(visit.see("streams-lines").locator("li")).to_contain_text(shown)
    expect(news_of(visit, "auth.log").locator(".came")).to_have_text(shown)
    expect(news_of(visit, "auth.log").locator(".rarity")).to_contain_text("most like: session 0 opened for user u0")
    expect(visit.see("streams-chart").locator(".mark.open")).to_have_count(1)
    assert visit.page.locator("#p-streams b").count() == 0
    visit.check_access()


@pytest.mark.long
def test_a_stream_that_is_not_ready_says_when_it_will_be(visit: Visit) -> None:
    choose(visit, "young")
    expect(visit.see("streams-facts")).to_have_text("30 rows of values, 120 rows until it says anything")
    expect(visit.see("streams").get_by_role("button", name="young")).to_contain_text("120 rows to go")
    expect(visit.see("streams-row")).to_contain_text("nothing is told yet")
    visit.page.get_by_text("As a table").click()
    expect(visit.see("streams-table").locator("tbody tr")).to_have_count(30)
    visit.check_access()
    choose(visit, "empty")
    expect(visit.see("streams-facts")).to_contain_text("0 rows of values")


@pytest.mark.long
def test_of_several_values_the_chosen_one_is_drawn(visit: Visit) -> None:
    choose(visit, "host")
    expect(visit.see("streams-value")).to_have_value("memory")  # which was news
    expect(visit.see("streams-row")).to_contain_text("row 201: 40; expected: 9.")
    visit.page.get_by_label("Of its values").select_option("cpu")
    expect(visit.see("streams-row")).to_contain_text("row 201: 10; expected: 10.")
    expect(news_of(visit, "host").locator(".came")).to_have_text("cpu 10, memory 40")
    expect(news_of(visit, "host").locator(".rarity")).to_contain_text("memory: it was never so far")
    visit.check_access()


@pytest.mark.long
def test_rows_are_walked_through_with_keys_and_read_as_a_table(visit: Visit) -> None:
    choose(visit, "keys")
    chart = visit.see("streams-chart")
    chart.focus()
    for key, row in (("End", 260), ("ArrowLeft", 259), ("PageDown", 251), ("Home", 5), ("ArrowRight", 6)):
        visit.page.keyboard.press(key)
        expect(chart).to_have_attribute("aria-valuenow", str(row))
    visit.page.keyboard.press("PageUp")
    expect(chart).to_have_attribute("aria-valuetext", re.compile(r"2026.*: 40; expected: .*; event 1: news"))
    expect(visit.see("streams-row")).to_contain_text("event 1: news")
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Enter")
    table = visit.see("streams-table").locator("tbody tr")
    expect(table).to_have_count(256)
    expect(table.nth(9)).to_contain_text(re.compile(r"40.*1: open"))


@pytest.mark.long
def test_a_stream_is_muted_and_deleted(visit: Visit) -> None:
    choose(visit, "works")
    visit.press("Mute for an hour")
    expect(visit.see("streams-facts")).to_contain_text("muted until")
    observe(visit.server, "works", values=[SPIKE])
    expect(news_of(visit, "works").locator(".state")).to_have_text("row 201, goes on, muted")
    visit.press("End the mute")
    expect(visit.see("streams-facts")).not_to_contain_text("muted")
    assert visit.server.client.get("/v1/streams/works").json()["maintenance"] == []
    visit.see("p-streams").get_by_role("button", name="Delete").click()
    visit.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(visit.see("streams-answer")).to_have_text("works is deleted.")
    expect(visit.see("streams").get_by_role("button", name="works")).to_have_count(0)
    visit.press("Normal: event 1 of works")
    expect(news_of(visit, "works").get_by_role("status")).to_contain_text("no stream has this name")
    visit.complaints = [each for each in visit.complaints if "404 (Not Found)" not in each]


@pytest.mark.long
def test_one_of_many_is_searched_for_and_its_news_alone_are_shown(visit: Visit) -> None:
    observe(visit.server, "many/3", values=[SPIKE])
    observe(visit.server, "many/4", values=[SPIKE])
    visit.page.get_by_label("Search for a stream").fill("Y/3")
    expect(visit.see("streams").locator("li")).to_have_count(1)
    choose(visit, "many/3")
    visit.press("Of this stream only")
    expect(visit.see("news").locator("li")).to_have_count(1)
    expect(news_of(visit, "many/3")).to_have_count(1)
    visit.press("Of this stream only")
    visit.press("Show many/4")
    expect(visit.see("streams-name")).to_have_text("many/4")


@pytest.mark.long
def test_it_is_hidden_until_the_first_row_and_fits_a_phone(visits: Callable[..., Visit]) -> None:
    with visits(variant="fast", max_lines=2**13) as visit:
        visit.is_open()
        expect(visit.see("p-streams")).to_be_hidden()
        observe(visit.server, "a-name-without-a-break" * 10, values=[*noise(200), SPIKE])
        expect(visit.see("p-streams")).to_be_visible()
        visit.page.set_viewport_size({"width": 360, "height": 740})
        until(lambda: visit.page.evaluate("document.documentElement.scrollWidth") == 360)
        visit.page.emulate_media(color_scheme="dark")
        visit.check_access()
