"""One request to a server, and its refusals in the words of the command line."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from service.client import Server

_ARGUMENTS = {"prompt": "PROMPT", "file": "FILE"}


def request(server: "Server", method: str, path: str, seconds: float = 10.0) -> Any:
    """What it answers, None if that is nothing. May raise ClientError."""
    import httpx

    from service.client import ClientError, no_answer, refusal

    url = server.url
    try:
        response = httpx.request(method, url + path, headers=server.headers, timeout=seconds)
    except httpx.ReadTimeout:
        raise ClientError(f"{url} did not answer within {seconds:g} s") from None
    except (httpx.TransportError, httpx.InvalidURL):
        raise ClientError(no_answer(url)) from None
    if response.is_error:
        raise ClientError(refusal(response.status_code, response.content, place_of))
    try:
        return response.json() if response.content else None
    except ValueError:
        raise ClientError(f"what answers at {url} is no RealNet server") from None


def place_of(pointer: str) -> str:
    """The flag or the argument that a place in a request's body was given by: bodies of commands have one level."""
    name = pointer.removeprefix("/")
    if not name or "/" in name:
        return pointer
    return _ARGUMENTS.get(name, f"--{name.replace('_', '-')}")
