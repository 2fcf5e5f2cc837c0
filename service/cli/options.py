"""Make the options of a command from the fields of a pydantic model, where all is said once."""

import inspect
import typing
from collections.abc import Callable, Iterable
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic.fields import FieldInfo

Models = Callable[[], "Iterable[type[BaseModel]]"]
Command = Callable[..., None]


def with_options(app: typer.Typer, models: Models, besides: Iterable[str] = ()) -> Callable[[Command], Command]:
    """Register a command of `app` with an option for each field of `models`, but for secrets and those in `besides`.

    What was given of them is the command's argument `given`, a dict. The models are imported when the command is
    called, since pydantic takes longer to import than most commands to run.
    """

    def register(command: Command) -> Command:
        class Late(TyperCommand):
            def make_context(self, *arguments: Any, **extra: Any) -> Any:
                return _command_with(command, models(), set(besides)).make_context(*arguments, **extra)

        app.command(command.__name__, cls=Late, help=command.__doc__)(lambda: None)
        return command

    return register


def _command_with(command: Command, models: "Iterable[type[BaseModel]]", besides: set[str]) -> Any:
    """Return the command with all its options, for typer's parser."""
    fields = [
        (name, field, model.model_config.get("title"))
        for model in models
        for name, field in model.model_fields.items()
        if name not in besides and not is_secret(field)
    ]

    def run(**values: Any) -> None:
        given = {name: values.pop(name) for name, *_ in fields}
        command(**values, given={name: value for name, value in given.items() if value not in (None, [])})

    own = [each for each in inspect.signature(command).parameters.values() if each.name != "given"]
    options = [_option(name, field, panel) for name, field, panel in fields]
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *options)]
    run.__doc__ = command.__doc__
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
    alone = typer.Typer(add_completion=False)
    alone.command()(run)
    return typer.main.get_command(alone)


def _option(name: str, field: "FieldInfo", panel: str | None) -> inspect.Parameter:
    told = typer.Option(help=help_of(field), show_default=False, rich_help_panel=panel)
    annotation = Annotated[_kind(field) | None, told]  # type: ignore[valid-type]  # known at run time only
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _kind(field: "FieldInfo") -> Any:
    """Return the type of a field as typer knows it: without None, a list for what may be given more than once."""
    [kind] = _without_none(field.annotation)
    return list[str] if typing.get_origin(kind) in (tuple, list) else kind


def _without_none(kind: Any) -> list[Any]:
    parts = typing.get_args(kind)
    return [part for part in parts if part is not NoneType] if NoneType in parts else [kind]


def is_secret(field: "FieldInfo") -> bool:
    """Return whether a field is a secret, which a flag would show to everybody who lists the processes."""
    from pydantic import SecretStr

    return SecretStr in _without_none(field.annotation)


def flag_of(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def help_of(field: "FieldInfo") -> str:
    """Return what a field is, its bounds and its default, in one line."""
    text = field.description or ""
    more = [each for each in (bounds_of(field), f"default {default_of(field)}" if default_of(field) else "") if each]
    return text[:1].upper() + text[1:] + (f" ({'; '.join(more)})" if more else "")


def default_of(field: "FieldInfo") -> str:
    """Return the default as it would be given; empty for None, an empty list and what depends on the place."""
    value = field.default
    if value in (None, (), []) or field.default_factory is not None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def choices_of(field: "FieldInfo") -> tuple[str, ...]:
    """Return the few values that a field takes; empty for any other field."""
    [kind] = _without_none(field.annotation)
    if kind is bool:
        return ("yes", "no")
    return typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ()


def bounds_of(field: "FieldInfo") -> str:
    """Return `1 to 64`, `more than 0, 1 at most` or the like; empty for a field without bounds."""
    bounds = {
        word: f"{value:g}" if isinstance(value, float) else str(value)
        for each in field.metadata
        for word in ("ge", "gt", "le", "lt")
        if (value := getattr(each, word, None)) is not None
    }
    if "ge" in bounds and "le" in bounds:
        return f"{bounds['ge']} to {bounds['le']}"
    words = {"ge": "{} or more", "gt": "more than {}", "le": "{} at most", "lt": "less than {}"}
    return ", ".join(told.format(bounds[word]) for word, told in words.items() if word in bounds)


def refusal_of(error: "ValidationError", given: Iterable[str], elsewhere: Callable[[str], str] = flag_of) -> Exception:
    """Return the error for a model that is wrong: it names the flag, or where none was given the name `elsewhere`."""
    from realnet.client import RealNetError

    first = error.errors(include_input=False, include_url=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return RealNetError(message)
    name = str(first["loc"][0])
    if name in given:
        return typer.BadParameter(message, param_hint=flag_of(name))
    return RealNetError(f"{elsewhere(name)}: {message}")
