"""The panel of links, in a real browser."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.page.browser import Visit
from tests.running_server import ThreadServer

LIFE = "seven times six is forty-two, and six times seven is forty-two. " * 40


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
