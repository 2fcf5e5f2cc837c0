"""Jobs of a net about its children: many go over to a snapshot of it, or are merged into a new one."""

import asyncio
import json
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

from service.aio import in_thread
from service.errors import Conflict, EngineStopped, NotFound, NotReady, Refused
from service.jobs.process import FORK, SHARE, run_process, workplace
from service.jobs.runner import JobContext, JobResult
from service.jobs.search import made_in
from service.nets.elsewhere import Elsewhere
from service.nets.hot import E
from service.nets.manifest import NetManifest
from service.nets.part import Part
from service.runtime.open_store import OpenStore
from service.runtime.runtime import Runtime
from service.store.base import StoreError

if TYPE_CHECKING:
    from service.nets.family import Family

MOST_MERGED = 256
_MOST_TOLD = 100  # of those that could not go over
_RETRY_SECONDS = 1.0
_LEAVE_SECONDS = 3.0  # for what another shard has begun for a job that is cancelled


class FamilyJobs(Generic[E]):
    """The jobs of all nets about their children, of which one `part` is here. On the loop."""

    def __init__(self, family: "Family[E]", place: OpenStore, part: Part, elsewhere: Elsewhere | None) -> None:
        self._family, self._place, self._part, self._elsewhere = family, place, part, elsewhere

    def serve(self, name: str, runtime: Runtime) -> None:
        """Run such jobs of a net that has been opened."""
        runtime.jobs.take_on("rebase-children", partial(self._rebase, name))
        runtime.jobs.take_on("merge-children", partial(self._merge, name, runtime))

    async def _rebase(self, net: str, job: JobContext) -> JobResult:
        """Have children go over one after the other; after a crash, those that have not yet."""
        names: list[str] = json.loads(await job.parcel() or b"[]")
        failed: dict[str, str] = {}
        for number, name in enumerate(names):
            if (why := await self._gone_over(name, net, job.request["snapshot"])) is not None:
                failed[name] = why
            await job.report((number + 1) / len(names), done=number + 1, failed=len(failed))
        told = dict(list(failed.items())[:_MOST_TOLD])
        return {"children": len(names), "rebased": len(names) - len(failed), "failed": told}

    async def _gone_over(self, name: str, net: str, snapshot: str) -> str | None:
        """Have one child go over, and return why it could not. One that has begun is done before a job is cancelled."""
        elsewhere = self._elsewhere_of(name)
        while True:
            if elsewhere is None:
                going = await _ended(self._family.rebase(name, net, snapshot))
            else:
                going = await _ended(elsewhere.rebase(name, net, snapshot), _LEAVE_SECONDS)
            if going.cancelled():
                return "the net has been deleted"
            match going.exception():
                case None:
                    return None
                case StoreError():
                    await asyncio.sleep(_RETRY_SECONDS)
                case Refused() as error:
                    await self._stays_open()
                    return str(error)
                case error:
                    raise error

    async def _merge(self, net: str, runtime: Runtime, job: JobContext) -> JobResult:
        """Merge children of one snapshot, all or none; after a crash, from the beginning or with what was made."""
        names: list[str] = json.loads(await job.parcel() or b"[]")
        made = next((each for each in await runtime.snapshots.list() if each.job == job.id), None)
        if made is None:
            snapshot = job.request["snapshot"]
            ref = await self._family.parent(net, snapshot)
            async with workplace(None if self._place.directory is None else self._place.directory / net) as directory:
                data = await runtime.snapshots.read(snapshot)
                await in_thread(lambda: (directory / FORK).write_bytes(data))
                for number, name in enumerate(names):
                    taken = await _ended(
                        self._taken(name, ref.sha256, directory / f"{SHARE}{number:03d}"), _LEAVE_SECONDS
                    )
                    if taken.cancelled():
                        raise _deleted(name)
                    if taken.exception() is not None:
                        await self._stays_open()
                    taken.result()
                    await job.report(0.5 * (number + 1) / len(names))
                figures = await run_process("children", directory, _nothing)
                found = await in_thread(lambda: made_in(directory))
            assert found is not None, "the process has made it"
            check_consent({name: await self._family.manifest(name) for name in names})
            made = await runtime.snapshots.save(*found, job=job.id, kept=True, name=job.request["name"])
            await job.report(1.0, **figures)
        return {"snapshot": made.id, "children": len(names), **job.metrics}

    async def _taken(self, name: str, parent: str, path: Path) -> None:
        """Write what a child is now to a file. Raises Refused where it may not be merged any more, or StoreError."""
        try:
            if (elsewhere := self._elsewhere_of(name)) is not None:
                await elsewhere.take(name, parent, path)
            else:
                data = await self._family.state(name, parent)
                await in_thread(lambda: path.write_bytes(data))
        except NotFound:
            raise _deleted(name) from None
        except EngineStopped as error:  # of the child: this net's own has not
            raise NotReady(str(error)) from error

    def _elsewhere_of(self, name: str) -> Elsewhere | None:
        """Return what asks for a net that is not here, None for one that is."""
        return None if self._part.has(name) else self._elsewhere

    async def _stays_open(self) -> None:
        """Return unless the server stops, which refuses what is asked of nets: the job goes on at the next start."""
        if self._family.is_closed():
            await asyncio.Event().wait()


def check_consent(children: dict[str, NetManifest]) -> None:
    """Raise Conflict, which names them, where children have not consented to be merged."""
    if without := [name for name, manifest in children.items() if not manifest.consent.merge]:
        told = ", ".join(without[:_MOST_TOLD])
        raise Conflict(f"nothing was merged: without consent are {told}")


def _deleted(name: str) -> Conflict:
    return Conflict(f"net {name} has been deleted, and nothing was merged")


async def _ended(work: Coroutine[Any, Any, None], most: float | None = None) -> "asyncio.Task[None]":
    """Do what uses a child, and return the task of it: where the child is deleted, all that use it are cancelled.

    What has begun is done before the caller is cancelled, if it takes no more than so many seconds.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=most)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        raise
    return task


async def _nothing(_: dict[str, Any]) -> None:
    """Report nothing."""
