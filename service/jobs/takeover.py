"""Run takeovers: the net becomes what that of another server is, by its snapshot or by its life, lived again."""

import hashlib
from pathlib import Path
from typing import Any

from service.aio import in_thread
from service.errors import Conflict, Invalid, JobFailed, PeerFailed
from service.jobs.homecoming import Homecoming
from service.jobs.other_server import OtherServer
from service.jobs.process import MADE, MEMORY, workplace
from service.jobs.reliving import Reliving
from service.jobs.runner import JobContext, JobResult
from service.peers import Peer
from service.replica.replica import ServiceState
from service.snapshots.snapshot import Snapshot
from service.snapshots.snapshotter import Snapshotter


class TakeoverJob:
    """Nothing of the net changes until all is here and is what the other server says that it is."""

    def __init__(self, home: Homecoming, snapshotter: Snapshotter, device: str, largest: int) -> None:
        self._home = home
        self._snapshotter = snapshotter
        self._device = device
        self._largest = largest

    async def run(self, job: JobContext) -> JobResult:
        """Take over; after a crash go on with what was brought, or say how it ended.

        Raises PeerFailed, Conflict, Forbidden, JobFailed or StoreError, with the net as it was.
        """
        try:
            if job.id not in self._home.engine.progress.jobs:  # else it was done before a crash
                taken = await self._home.saved(job, "taken") or await self._fetch(job)
                await self._replace(job, taken)
            return {**job.notes["figures"], "snapshot": job.notes["taken"], "before": job.notes["before"]}
        finally:
            self._home.snapshots.held.clear()

    async def _fetch(self, job: JobContext) -> Snapshot:
        asked = job.request
        if asked["keyed"] and job.secret is None:
            raise Conflict("this server was started again, and does not store keys of others: ask for it once more")
        await job.report(0.0, phase="waiting for its snapshot")
        async with OtherServer.asked(Peer(asked["url"], job.secret)) as other:
            await other.check(self._home.engine.interface)
            end = await other.save()
            figures: dict[str, Any] = {"url": other.url, "tick": end.tick, "state_sha256": end.state_sha256}
            async with workplace(self._home.directory) as directory:
                if asked["how"] == "relive":
                    relived = await Reliving(other, end, directory, self._device, self._largest).run(job.report)
                    if relived["state_sha256"] != end.state_sha256:
                        raise JobFailed(f"what was relived is not what {other.url} is: nothing was changed")
                    figures |= relived
                else:
                    await job.report(0.1, phase="fetching")
                    await self._download(other, end, directory)
                data, memory = await in_thread(lambda: _read(directory))
        await job.report(0.9, phase="taking over")
        try:
            taken = await self._snapshotter.take_in(data, None, _life(other.url, memory), job.id)
        except Invalid as error:
            raise PeerFailed(f"{other.url} sends no snapshot that can be read: {error.places[0].detail}") from error
        self._home.snapshots.held.add(taken.id)
        await job.note(taken=taken.id, figures=figures)
        return taken

    async def _download(self, other: OtherServer, end: Snapshot, directory: Path) -> None:
        """Write the other server's snapshot and what is remembered beside it. Raises PeerFailed for another one."""
        await other.download(f"/snapshots/{end.id}/data", directory / MADE, self._largest)
        memory = await other.memory(end.id)

        def check() -> None:
            (directory / MEMORY).write_bytes(memory)
            with (directory / MADE).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != end.sha256:
                    raise PeerFailed(
                        f"what {other.url} has sent is not its snapshot {end.id}: it was cut off or changed"
                    )

        await in_thread(check)

    async def _replace(self, job: JobContext, taken: Snapshot) -> None:
        """Save what the net is, put it to what was taken over, and note what it was at that tick."""
        name = f"before the takeover of job {job.id}"
        before = await self._home.saved(job, "before") or await self._snapshotter.save(kept=True, name=name)
        await job.note(before=before.id)
        exact = await self._snapshotter.replace(taken.id, self._device, job.id, before)
        await job.note(before=exact.id)


def _read(directory: Path) -> tuple[bytes, bytes]:
    return (directory / MADE).read_bytes(), (directory / MEMORY).read_bytes()


def _life(url: str, memory: bytes) -> ServiceState | None:
    """Return what a net's life has left beside it, without what is of the server where it was lived."""
    try:
        life = ServiceState.from_bytes(memory) if memory else None
    except ValueError as error:
        raise PeerFailed(f"the memory of {url} is of another version: {error}") from error
    if life is None:
        return None
    return ServiceState(plasticity=True, chronicle=life.chronicle, experience=life.experience, owed=life.owed)
