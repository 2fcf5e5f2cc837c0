"""The sessions of the net: short-term memories of their own, which inputs and generations name."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from service.api.access import needs
from service.api.deps import RuntimeDep, problems
from service.auth.keys import Scope
from service.engine.sessions import ListSessions
from service.runtime import changes
from service.validation import SessionName

router = APIRouter(prefix="/v1/sessions", tags=["sessions"])


class Session(BaseModel):
    """A session: how many tokens or frames it was given, and the tick of the last."""

    name: str
    tokens: int
    last_tick: int


class SessionList(BaseModel):
    """All sessions, the one that was given something last first."""

    data: list[Session]


@router.get("", responses=problems(403, 503))
@needs(Scope.READ)
async def list_sessions(runtime: RuntimeDep) -> SessionList:
    """List the sessions, the one that was given something last first.

    Where there are 256, a new one takes the place of the last of them.
    """
    sessions = await runtime.engine.ask(ListSessions())
    return SessionList(data=[Session(**each._asdict()) for each in sessions])


@router.delete("/{name:path}", status_code=204, responses=problems(403, 404, 409, 422, 429, 503))
@needs(Scope.TEACH)
async def forget_session(
    name: Annotated[SessionName, Path(description="the name of a session, percent-encoded")], runtime: RuntimeDep
) -> None:
    """Forget what a session has in mind. What was learnt in it stays."""
    await changes.forget(runtime, name)
