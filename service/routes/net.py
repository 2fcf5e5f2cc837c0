"""What the net is and how it is doing; what may be changed while it lives."""

from fastapi import APIRouter

from service.commands import Configure
from service.routes import TAKES_JSON, Handles, problems
from service.schemas import Change, Net

router = APIRouter(prefix="/v1/net", tags=["net"])


@router.get("", responses=problems(422, 503), response_model_exclude_unset=True)
async def get_net(spine: Handles, hash: bool = False) -> Net:
    """With `hash`, also the SHA-256 of the weights and of everything that a snapshot holds."""
    if not hash:
        return spine.net()
    weights, state = await spine.snapshotter.hashes()
    return Net(**spine.net().model_dump(exclude_unset=True), weights_sha256=weights, state_sha256=state)


@router.patch(
    "",
    responses=problems(400, 403, 413, 415, 422, 503),
    response_model_exclude_unset=True,
    dependencies=[TAKES_JSON],
)
async def change_net(change: Change, spine: Handles) -> Net:
    await spine.engine.ask(Configure(**change.model_dump()))
    return spine.net()
