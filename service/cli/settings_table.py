"""Prints docs/settings.md: `python -m service.cli.settings_table > docs/settings.md`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from service.cli.options import bounds_of, choices_of, default_of, flag_of, is_secret
from service.settings import GROUPS, ClusterSettings, variable_of

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

_HEAD = """\
# Settings

Each setting is a flag of `realnet serve`, those of [the cluster](cluster.md) of `realnet cluster start`, and a variable
of its environment; where both are given, the flag counts. A variable that begins with `REALNET_` and is no setting ends
the start, since most likely it is misspelt. (In Kubernetes a Service called `realnet` makes such variables:
`enableServiceLinks: false` in the pod's specification keeps them out.)

This page is made from `service/settings.py`: `python -m service.cli.settings_table > docs/settings.md`.
"""


def settings_table() -> str:
    """Return the page, with a table for each group of settings."""
    return "\n".join((_HEAD, *_lines()))


def _lines() -> Iterator[str]:
    groups: tuple[type[BaseModel], ...] = (*GROUPS, ClusterSettings)
    for group in groups:
        yield f"## {group.model_config['title']}\n"
        yield f"{group.__doc__}\n"
        yield "| flag | variable | default | values | what it is |"
        yield "| --- | --- | --- | --- | --- |"
        for name, field in group.model_fields.items():
            flag = "" if is_secret(field) else f"`{flag_of(name)}`"
            default = f"`{default_of(field)}`" if default_of(field) else ""
            yield f"| {flag} | `{variable_of(name)}` | {default} | {_values(field)} | {field.description} |"
        yield ""


def _values(field: "FieldInfo") -> str:
    return ", ".join(f"`{choice}`" for choice in choices_of(field)) or bounds_of(field)


if __name__ == "__main__":
    print(settings_table(), end="")
