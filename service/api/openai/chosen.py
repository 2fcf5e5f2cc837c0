"""Which net a request means by the name of a model."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated, TypeAlias

from fastapi import Depends
from starlette.requests import Request

from service.api.deps import Edge, caller_of, nets_of
from service.errors import ModelNotFound, NotFound


class Models:
    """The nets that the caller's key is for; where the path names one, that alone.

    One that is not there is refused as one that the key is not for.
    """

    def __init__(self, request: Request, using: AsyncExitStack) -> None:
        self._nets, self._caller = nets_of(request), caller_of(request)
        self._only: str | None = request.scope.get("realnet.net")
        self._using = using

    async def names(self) -> list[str]:
        """Return all names, sorted. Raises StoreError."""
        return [name for name in await self._nets.names(self._caller.share) if self._may_be(name)]

    async def check(self, model: str) -> None:
        """Raises ModelNotFound or StoreError."""
        try:
            if not self._may_be(model):
                raise NotFound
            await self._nets.find(model)
        except NotFound:
            raise _not_found() from None

    async def opened(self, model: str) -> Edge:
        """Have a net in memory until the request is answered. Raises ModelNotFound, and as `Nets.use`."""
        try:
            if not self._may_be(model):
                raise NotFound
            counts = self._only is None  # else the path names it, and it has been counted
            return await self._using.enter_async_context(self._nets.use(model, self._caller.name, counts))
        except NotFound:
            raise _not_found() from None

    def _may_be(self, name: str) -> bool:
        return self._only in (None, name) and self._caller.share.includes(name)


def _not_found() -> ModelNotFound:
    return ModelNotFound("there is no such model, or the key is not for it: GET /v1/models has those that it is for")


async def models_of(request: Request) -> AsyncIterator[Models]:
    """Yield the models, and keep what was opened of them until the request is answered."""
    async with AsyncExitStack() as using:
        yield Models(request, using)


ModelsDep: TypeAlias = Annotated[Models, Depends(models_of)]
