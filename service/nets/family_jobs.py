"""Jobs of a net about its children: many go over to a snapshot of it, or are merged into a new one."""

import asyncio
import json
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

from service.aio import in_thread
from service.engine.clones import clone
from service.errors import Conflict, Refused
from service.jobs.process import FORK, SHARE, run_process, workplace
from service.jobs.runner import JobContext, JobResult
from service.jobs.search import made_in
from service.nets.hot import E
from service.nets.manifest import NetManifest
from service.runtime.open_store import OpenStore
from service.runtime.runtime import Runtime
from service.store.base import StoreError

if TYPE_CHECKING:
    from service.nets.family import Family

MOST_MERGED = 256
_MOST_TOLD = 100  # of those that could not go over
_RETRY_SECONDS = 1.0


class FamilyJobs(Generic[E]):
    """The jobs of all nets about their children. On the loop."""

    def __init__(self, family: "Family[E]", place: OpenStore) -> None:
        self._family, self._place = family, place

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
        while True:
            going = await _ended(self._family.rebase(name, net, snapshot))
            if going.cancelled():
                return "the net has been deleted"
            match going.exception():
                case None:
                    return None
                case StoreError():
                    await asyncio.sleep(_RETRY_SECONDS)
                case Refused() as error:
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
                    taken = await _ended(self._taken(name, ref.sha256, directory / f"{SHARE}{number:03d}"))
                    if taken.cancelled():
                        raise Conflict(f"net {name} has been deleted, and nothing was merged")
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
        """Write what a child is now to a file. Raises Conflict where it may not be merged any more, or StoreError."""
        async with self._family.use(name) as edge:
            check_consent({name: await self._family.manifest(name)})
            checkpoint, _ = await clone(edge.runtime.engine)
        if checkpoint.config.get("parent") != parent:
            raise Conflict(f"net {name} is no child of this snapshot any more, and nothing was merged")
        await in_thread(lambda: path.write_bytes(checkpoint.to_bytes()))


def check_consent(children: dict[str, NetManifest]) -> None:
    """Raise Conflict, which names them, where children have not consented to be merged."""
    if without := [name for name, manifest in children.items() if not manifest.consent.merge]:
        told = ", ".join(without[:_MOST_TOLD])
        raise Conflict(f"nothing was merged: without consent are {told}")


async def _ended(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """Do what uses a child, and return the task of it: where the child is deleted, all that use it are cancelled.

    What has begun is done before the caller is cancelled.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        raise
    return task


async def _nothing(_: dict[str, Any]) -> None:
    """Report nothing."""
