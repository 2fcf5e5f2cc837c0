"""The README and the pages under docs/: they are short enough, their links lead somewhere, their commands exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from service.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def shell_lines(page: Path) -> Iterator[str]:
    """Yield the commands in a page's blocks of shell, each in one line."""
    for _, language, block in _FENCE.findall(page.read_text()):
        if language == "sh":
            yield from block.replace("\\\n", " ").splitlines()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


@each_page
def test_lines_are_short_but_for_tables(page: Path) -> None:
    too_long = [line for line in page.read_text().splitlines() if len(line) > 120 and not line.startswith("|")]
    assert not too_long


@each_page
def test_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    for link in _LINK.findall(_FENCE.sub("", page.read_text())):
        if link.startswith(("http:", "https:")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        assert target.resolve().is_relative_to(ROOT), link
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@each_page
def test_commands_are_ones_that_the_command_line_has(page: Path) -> None:
    for line in shell_lines(page):
        words = shlex.split(line)
        assert "#" not in words, "an interactive zsh knows no comments"
        starts = [index for index, word in enumerate(words) if word in ("realnet", ".venv/bin/realnet")]
        for start in starts:
            parse(words[start + 1 :])


def test_every_command_is_on_the_page_of_commands() -> None:
    page = (ROOT / "docs/commands.md").read_text()
    for group in app.registered_groups:
        commands = group.typer_instance
        assert commands is not None
        for command in commands.registered_commands:
            name = command.name or getattr(command.callback, "__name__", "")
            row = rf"^\| [^|]*`realnet {f'{group.name} ([^|]*`)?' if group.name else ''}{name}\b"
            assert command.hidden or re.search(row, page, re.MULTILINE), (group.name, name)


def parse(arguments: list[str]) -> None:
    """Parse the arguments of `realnet`, and run nothing. Raises the parser's error for what it does not know."""
    command = typer.main.get_command(app)
    context = command.make_context("realnet", list(arguments))
    while (resolve := getattr(command, "resolve_command", None)) is not None:
        name, command, rest = resolve(context, [*context._protected_args, *context.args])
        context = command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("wrong", [["serve", "--no-such-flag"], ["snapshot", "forget"], ["sleep", "--ticks", "many"]])
def test_the_parser_refuses_what_it_does_not_know(wrong: list[str]) -> None:
    with pytest.raises(Exception, match=r"No such|valid integer"):
        parse(wrong)


@each_page
def test_modules_and_targets_that_are_named_exist(page: Path) -> None:
    text = page.read_text()
    for module in re.findall(r"python -m ((?:benchmarks|examples|service|tests)[\w.]*)", text):
        path = ROOT / module.rstrip(".").replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([\w-]+)[^`]*`", text))
    named |= {line.split()[1] for line in shell_lines(page) if line.startswith("make ")}
    assert named <= targets
