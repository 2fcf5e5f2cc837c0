"""One request to a server, and values in the words of a person."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from service.client import Server


def request(server: "Server", method: str, path: str, seconds: float = 10.0, body: dict[str, Any] | None = None) -> Any:
    """Send a request, with `body` as JSON, and return the answer, None if that is empty. May raise ClientError."""
    import httpx

    from service.client import ClientError, no_answer, refusal

    url = server.url
    try:
        response = httpx.request(method, url + path, headers=server.headers, timeout=seconds, json=body)
    except httpx.ReadTimeout:
        raise ClientError(f"{url} did not answer within {seconds:g} s") from None
    except (httpx.TransportError, httpx.InvalidURL):
        raise ClientError(no_answer(url)) from None
    if response.is_error:
        raise ClientError(refusal(response.status_code, response.content))
    try:
        return response.json() if response.content else None
    except ValueError:
        raise ClientError(f"what answers at {url} is no RealNet server") from None


def shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {shown(each)}" for name, each in value.items())
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)
