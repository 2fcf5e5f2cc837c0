"""Declare which scope a route needs and how large its body may be."""

from collections.abc import Callable
from typing import Any, TypeVar

from service.auth.keys import Scope
from service.settings import Settings

_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])


def needs(
    scope: Scope, largest: str = "max_body_bytes", here: bool = False, of_net: bool = True
) -> Callable[[_Endpoint], _Endpoint]:
    """Declare the scope that a route needs; a route that declares none needs ADMIN.

    `largest` names the setting with the most bytes that its body may have. What is `here` is about this server, not
    about the net: a server that follows answers it in any case, and sends it nowhere. Where it is not `of_net`, it is
    for any key, whatever nets that is for: it tells itself of no others.
    """

    def declare(endpoint: _Endpoint) -> _Endpoint:
        endpoint.scope, endpoint.largest = scope, largest  # type: ignore[attr-defined]
        endpoint.here, endpoint.of_net = here, of_net  # type: ignore[attr-defined]
        return endpoint

    return declare


def scope_of(endpoint: object) -> Scope:
    declared = getattr(endpoint, "scope", None)
    return declared if isinstance(declared, Scope) else Scope.ADMIN


def is_here(endpoint: object) -> bool:
    return bool(getattr(endpoint, "here", False))


def is_of_net(endpoint: object) -> bool:
    return bool(getattr(endpoint, "of_net", True))


def largest_of(endpoint: object, settings: Settings) -> int:
    """Return the most bytes that the body of a request to this endpoint may have."""
    most: int = getattr(settings, getattr(endpoint, "largest", "max_body_bytes"))
    return most
