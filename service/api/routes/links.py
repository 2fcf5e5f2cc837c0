"""Link the net with those of other servers, so that two are heard as one."""

from datetime import UTC, datetime
from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel, Field

from service.api.access import needs
from service.api.deps import TAKES_JSON, EdgeDep, RuntimeDep, problems
from service.auth.keys import Scope
from service.links.link import LinkState
from service.peers import peer_of
from service.validation import Body

router = APIRouter(prefix="/v1/links", tags=["links"])


class LinkRequest(Body):
    """The server whose net is to be heard, and a key that may read there."""

    url: str = Field(max_length=512, examples=["http://127.0.0.1:8421"])
    key: str | None = Field(None, max_length=256)


class Bits(BaseModel, frozen=True):
    """Bits a token: of this net, of the other, and of both heard as one."""

    own: float
    other: float
    both: float


class Gains(BaseModel, frozen=True):
    """How far each net is heard."""

    own: float
    other: float


class Link(BaseModel, frozen=True):
    """A link with another server's net. `bits` are of the `tokens` that both heard, null before the first of them.

    `state` is heard or silent; `why` tells why the other is silent. `missed` tokens it was not asked about.
    """

    id: str
    url: str
    since: datetime
    state: str
    why: str | None
    tokens: int
    missed: int
    gains: Gains
    bits: Bits | None
    last_1000: Bits | None

    @classmethod
    def of(cls, link: LinkState) -> Self:
        return cls(
            id=link.id,
            url=link.url,
            since=datetime.fromtimestamp(link.since, UTC),
            state="silent" if link.why_not else "heard",
            why=link.why_not,
            tokens=link.tokens,
            missed=link.missed,
            gains=Gains(own=link.gains[0], other=link.gains[1]),
            bits=None if link.all is None else Bits(**link.all._asdict()),
            last_1000=None if link.last is None else Bits(**link.last._asdict()),
        )


class LinkList(BaseModel):
    data: list[Link]


@router.post(
    "", status_code=201, responses=problems(400, 403, 409, 413, 415, 422, 429, 502, 503), dependencies=[TAKES_JSON]
)
@needs(Scope.ADMIN, here=True)
async def link(body: LinkRequest, edge: EdgeDep) -> Link:
    """Hear another server's net beside this one, from now on until the link is cut or this server ends.

    The other net reads what this one hears, by a fork, and learns nothing; this one learns what it would without a
    link. What changes is what both together expect, and `POST /v1/generate` with this link. The URL must be of a host
    that the setting `peers` allows.
    """
    return Link.of(await edge.runtime.links.begin(peer_of(body.url, body.key, edge.settings.callable_hosts)))


@router.get("")
@needs(Scope.READ, here=True)
async def list_links(runtime: RuntimeDep) -> LinkList:
    """Tell which nets are heard beside this one, and what it brings."""
    return LinkList(data=[Link.of(each) for each in runtime.links.states])


@router.delete("/{id}", status_code=204, responses=problems(403, 404))
@needs(Scope.ADMIN, here=True)
async def cut(id: str, runtime: RuntimeDep) -> None:
    """Cut a link: the net goes on as if there had been none."""
    await runtime.links.cut(id)
