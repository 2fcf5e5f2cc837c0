"""The panels of other nets and of weights, in a real browser."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.page.browser import Visit
from tests.running_server import ThreadServer

LIFE = "seven times six is forty-two, and six times seven is forty-two. " * 40


@pytest.mark.long
def test_another_net_is_heard_talks_along_and_is_cut(
    visits: Callable[..., Visit], new_server: Callable[..., ThreadServer], tmp_path: Path
) -> None:
    other = new_server(store=f"file:{tmp_path}/other", variant="fast", max_lines=2**14).start()
    other.run(text=LIFE)
    with visits(variant="fast", max_lines=2**14) as visit:
        page = visit.page
        visit.is_open()
        expect(visit.see("talk-with")).to_be_hidden()
        page.get_by_label("URL of another server").fill(other.url)
        page.get_by_role("button", name="Hear it").click()
        expect(visit.see("links")).to_contain_text("nothing heard yet")
        visit.server.run(text=LIFE[:640])
        expect(visit.see("links")).to_contain_text("of the last 640 tokens")
        page.get_by_label("It talks").select_option(label=f"with {other.url}")
        page.get_by_label("Let it talk on after").fill("six times seven is ")
        page.get_by_role("button", name="Talk on").click()
        expect(visit.see("talk-answer")).to_contain_text("forty-two")
        page.get_by_role("button", name=f"Cut: {other.url}").click()
        page.get_by_role("button", name="Cut", exact=True).click()
        expect(visit.see("links-answer")).to_have_text("Cut.")
        expect(visit.see("talk-with")).to_be_hidden()


@pytest.mark.long
def test_the_net_becomes_another(
    visits: Callable[..., Visit], new_server: Callable[..., ThreadServer], tmp_path: Path
) -> None:
    other = new_server(store=f"file:{tmp_path}/other", variant="fast", max_lines=2**14).start()
    other.run(text=LIFE)
    with visits(variant="fast", max_lines=2**14) as visit:
        visit.is_open()
        visit.page.get_by_label("URL of another server").fill(other.url)
        visit.page.get_by_role("button", name="Become it").click()
        visit.page.locator("dialog").get_by_role("button", name="Become it").click()
        expect(visit.see("jobs")).to_contain_text(f"the net is what that of {other.url} was")
        expect(visit.see("n-tick")).to_have_text(f"{len(LIFE):,}")
        assert visit.server.net(hash="true")["state_sha256"] == other.net(hash="true")["state_sha256"]
        visit.page.get_by_role("button", name="Merge with it").click()
        expect(visit.see("jobs")).to_contain_text("merge 2")


def test_lines_are_added_and_taken_away(visits: Callable[..., Visit]) -> None:
    with visits(variant="fast", max_lines=2**13) as visit:
        visit.is_open()
        visit.server.run(text=LIFE)
        for lines, told in (
            ("16384", "It has 16,384 lines, and takes 16,384 at most."),
            ("4096", "It has 4,096 lines"),
        ):
            visit.page.get_by_role("button", name="Grow or shrink").click()
            visit.page.get_by_label("Lines, a power of two").fill(lines)
            visit.page.get_by_role("button", name="Resize").click()
            expect(visit.see("resize-answer")).to_contain_text(told)
        assert visit.server.net()["lines"] == 4096
