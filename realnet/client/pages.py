"""Read a list that comes in pages."""

from collections.abc import Mapping
from typing import Any, TypeVar

from realnet.client.http import Http
from realnet.client.models import Page

T = TypeVar("T")


async def all_of(kind: type[T], http: Http, path: str, query: Mapping[str, Any] = {}) -> list[T]:
    """Return everything in the list at `path`."""
    found: list[T] = []
    after: str | None = None
    while True:
        page = await http.ask(Page[kind], "GET", path, query={**query, "after": after, "limit": 1000})  # type: ignore[valid-type]
        found += page.data
        if not page.has_more:
            return found
        after = page.next
