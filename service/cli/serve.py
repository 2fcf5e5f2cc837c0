"""The command `realnet serve`."""

import gc
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer

from service.cli.options import refusal_of, with_options

if TYPE_CHECKING:
    from pydantic import BaseModel

serving = typer.Typer()


def _groups() -> "Iterable[type[BaseModel]]":
    from service.settings import GROUPS

    return GROUPS


@with_options(serving, _groups)
def serve(given: dict[str, Any]) -> None:
    """Run the server. A flag overrides the variable of its name: --port REALNET_PORT. REALNET_API_KEY has no flag."""
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from realnet.client import RealNetError
    from service.settings import Settings, check_variables, variable_of

    try:
        check_variables()
        settings = Settings(**given)
    except ValidationError as error:
        raise refusal_of(error, given, variable_of) from None
    except SettingsError as error:
        raise RealNetError(f"{error}: not JSON") from None
    except ValueError as error:
        raise RealNetError(str(error)) from None

    gc.disable()  # a fifth of a start would go into looking for garbage among modules; the server enables it
    from service.server.run import run

    run(settings)
