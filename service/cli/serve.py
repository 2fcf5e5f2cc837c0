"""The command `realnet serve`."""

import gc
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer

from service.cli.options import refusal_of, with_options

if TYPE_CHECKING:
    from pydantic import BaseModel

    from service.settings import Settings

serving = typer.Typer()


def _groups() -> "Iterable[type[BaseModel]]":
    from service.settings import GROUPS

    return GROUPS


@with_options(serving, _groups)
def serve(given: dict[str, Any]) -> None:
    """Run the server. A flag overrides the variable of its name: --port REALNET_PORT. REALNET_API_KEY has no flag."""
    settings = settings_of(given)
    from service.server.run import run

    run(settings)


def settings_of(given: dict[str, Any]) -> "Settings":
    """Return the settings of the environment, and those given by flags before them. Raises RealNetError, BadParameter.

    What is imported from here on is not looked at for garbage, a fifth of a start: the server enables that again.
    """
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
    gc.disable()
    return settings
