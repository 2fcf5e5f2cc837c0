"""Flags are the fields of the server's own models: nothing is said twice, so that nothing can differ."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from pydantic import BaseModel

from service.cli.options import default_of, flag_of
from service.cli.settings_table import settings_table
from service.jobs.requests import (
    DaydreamRequest,
    DreamRequest,
    FitRequest,
    MergeRequest,
    SleepRequest,
    TakeoverRequest,
)
from service.settings import GROUPS, ClusterSettings, Settings
from tests.cli.commands import shown

COMMANDS: list[tuple[str, Iterable[type[BaseModel]], set[str]]] = [
    ("serve", GROUPS, {"api_key"}),
    ("dream", [DreamRequest], {"dataset"}),
    ("fit", [FitRequest], {"dataset"}),
    ("sleep", [SleepRequest], set()),
    ("daydream", [DaydreamRequest], {"prompts"}),
    ("takeover", [TakeoverRequest], {"url", "key"}),
    ("merge", [MergeRequest], {"peers"}),
]

_OF_A_FILE = {"--name", "--format", "--inputs", "--targets", "--keep"}
OWN = {"dream": _OF_A_FILE, "fit": _OF_A_FILE, "takeover": {"--peer-key", "--yes"}, "merge": {"--peer-key"}}


def options_of(name: str) -> dict[str, str]:
    """What the command's help says, by flag."""
    text = shown(name, "--help", variables={"COLUMNS": "400"})
    return dict(re.findall(r"^│ (--[a-z-]+) +(.*?) *│$", text, flags=re.MULTILINE))


@pytest.mark.parametrize(("name", "models", "besides"), COMMANDS, ids=[name for name, *_ in COMMANDS])
def test_every_field_is_a_flag_whose_help_says_its_true_default(
    name: str, models: Iterable[type[BaseModel]], besides: set[str]
) -> None:
    told = options_of(name)
    for model in models:
        for field, info in model.model_fields.items():
            if field in besides:
                assert flag_of(field) not in told
                continue
            assert info.description, field
            line = told.pop(flag_of(field))
            default = re.search(r"default (\S+)\)$", line)
            assert (default[1] if default else "") == default_of(info), field
            if default and type(info.default) in (int, float, str):
                assert type(info.default)(default[1]) == info.default
    assert told.keys() == {"--help"} | OWN.get(name, set())


def test_each_setting_is_in_one_group() -> None:
    fields = [*ClusterSettings.model_fields, *(field for group in GROUPS for field in group.model_fields)]
    assert sorted(fields) == sorted(Settings.model_fields)


def test_the_page_of_settings_is_what_the_settings_say() -> None:
    page = Path(__file__).parents[2] / "docs/settings.md"
    assert page.read_text() == settings_table(), "run: python -m service.cli.settings_table > docs/settings.md"
