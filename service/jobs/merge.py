"""Run merges: put what nets of one ancestor have learnt apart into each of them. Only lines travel, no words."""

import asyncio
import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from service.aio import in_thread
from service.engine.engine import Engine
from service.errors import Conflict, PeerFailed, Refused
from service.jobs.ancestry import Ancestry
from service.jobs.bundle import Bundle, adopted_by, share_of_peer
from service.jobs.homecoming import Homecoming, ref_of
from service.jobs.job import JobStatus
from service.jobs.process import ANCESTOR, FORK, OPTIONS, SHARE, TOKENS, run_process, workplace
from service.jobs.runner import JobContext, JobResult, JobRunner
from service.jobs.search import made_in
from service.peers import Peer
from service.replica.experience import Experience
from service.snapshots.snapshot import Snapshot
from service.store.base import StoreError

_LOOK_SECONDS = 0.25
_MISSED = 8  # merges that a peer is told of later


class MergeJob:
    """A merge with `peers`, which are asked for what they have learnt, or with what is in the parcel of the job."""

    def __init__(self, home: Homecoming, ancestry: Ancestry) -> None:
        self._home, self._ancestry = home, ancestry
        self._missed: dict[str, list[Bundle]] = {}  # by peers, as long as this server runs

    async def run(self, job: JobContext) -> JobResult:
        """Merge; after a crash, begin again from the fork, or go on with what was merged.

        Raises Conflict, JobFailed or StoreError.
        """
        self._ancestry.merging = True
        try:
            if "peers" in job.request:
                peers = [Peer(url, key) for url, key in zip(job.request["peers"], job.keys, strict=True)]
                return await self._with_peers(job, peers)
            return await self._with_what_was_told(job)
        finally:
            self._ancestry.merging = False

    async def _with_peers(self, job: JobContext, peers: list[Peer]) -> JobResult:
        if not self._home.has_come_home(job):
            await job.report(0.0, tokens_seen=self._home.engine.status.tokens_seen)
            self._check_learns()
            async with self._home.forked(job) as fork:
                merged = await self._home.saved(job, "fitted")
                if merged is None and (merged := await self._merge_with(job, fork, peers)) is None:
                    return _result(job, adopted=False)
                await self._home.bring_lines(job, merged, ref_of(fork), (await self._ancestry.state(fork)).ancestor)
        parcel = await job.parcel()
        assert parcel is not None, "it was put down before the net was merged"
        bundle = Bundle.from_bytes(parcel)
        told = [peer for peer in peers if peer.url in job.notes["told"]]
        answers = await asyncio.gather(*(adopted_by(peer, bundle) for peer in told))
        late = {peer.url: why for peer, why in zip(told, answers, strict=True) if why is not None}
        adopted = [peer.url for peer in told if peer.url not in late]
        for peer in peers:
            self._missed[peer.url] = [] if peer.url in adopted else [*self._missed.get(peer.url, ()), bundle][-_MISSED:]
        return _result(job, adopted=True, adopted_by=adopted, late=late)

    async def _catch_up(self, peer: Peer) -> None:
        """Have a peer adopt the merges that it has missed, as far as this server remembers them."""
        missed = self._missed.get(peer.url, [])
        while missed and await adopted_by(peer, missed[0], waits=False) is None:
            del missed[0]

    async def _merge_with(self, job: JobContext, fork: Snapshot, peers: list[Peer]) -> Snapshot | None:
        """Ask the peers, and merge with those that are good for this net; put down what all of them are to adopt."""
        ancestor = await self._ancestry.sha256()
        await asyncio.gather(*map(self._catch_up, peers))
        told = await asyncio.gather(*(share_of_peer(peer, ancestor) for peer in peers))
        shares = {number: each for number, each in enumerate(told) if isinstance(each, bytes)}
        silent = {peer.url: str(each) for peer, each in zip(peers, told, strict=True) if isinstance(each, PeerFailed)}
        async with workplace(self._home.directory) as directory:
            figures = await self._work(job, fork, directory, shares, {"chooses": True, "is_in": True})
            left_out = {peers[int(name)].url: why for name, why in figures["left_out"].items()}
            members = {int(name): member for name, member in figures.pop("merged_with", {}).items()}
            figures |= {"merged_with": [peers[number].url for number in members], "left_out": silent | left_out}
            made = await in_thread(lambda: made_in(directory))
            if made is None:
                await job.note(figures=figures)
                return None
            own = await in_thread((directory / f"{SHARE}own").read_bytes)
        chosen = {fork.state_sha256: own} | {member: shares[number] for number, member in members.items()}
        figures |= {"bytes_sent": len(own), "bytes_received": sum(map(len, shares.values()))}
        await job.put_down(Bundle(ancestor, figures["lines_sha256"], chosen).to_bytes())
        await job.note(told=[peers[number].url for number in shares])
        return await self._home.keep(job, made, figures)

    async def _with_what_was_told(self, job: JobContext) -> JobResult:
        parcel = await job.parcel()
        if self._home.has_come_home(job):
            return _result(job, adopted=True)
        if parcel is None:
            raise Conflict("what is to be merged is gone")
        bundle = Bundle.from_bytes(parcel)
        if await self._ancestry.sha256() == bundle.lines_sha256:
            return {"adopted": True, "lines_sha256": bundle.lines_sha256}
        await self._ancestry.check_ancestor(bundle.ancestor)
        self._check_learns()
        if "fork" not in job.notes and (own := await self._own(bundle.shares)) is not None:
            await job.note(fork=own.id)
        async with self._home.forked(job) as fork:
            merged, ancestor = await self._home.saved(job, "fitted"), (await self._ancestry.state(fork)).ancestor
            is_in = fork.state_sha256 in bundle.shares
            if merged is None:
                others = [share for member, share in bundle.shares.items() if member != fork.state_sha256]
                async with workplace(self._home.directory) as directory:
                    options = {"chooses": False, "is_in": is_in}
                    figures = await self._work(job, fork, directory, dict(enumerate(others)), options)
                    made = await in_thread(lambda: made_in(directory))
                members = figures.pop("merged_with", {})
                figures |= {"merged_with": len(members)}
                if made is None:
                    await job.note(figures=figures)
                    return _result(job, adopted=False)
                merged = await self._home.keep(job, made, figures)
            await self._home.bring_lines(job, merged, ref_of(fork) if is_in else ancestor, ancestor)
        return _result(job, adopted=True)

    async def _own(self, members: Iterable[str]) -> Snapshot | None:
        """Return the snapshot of which this net told, if it is one of the members."""
        told = [each for each in await self._home.snapshots.list() if each.job is None and each.state_sha256 in members]
        return told[-1] if told else None

    async def _work(
        self, job: JobContext, fork: Snapshot, directory: Path, shares: dict[int, bytes], options: dict[str, Any]
    ) -> dict[str, Any]:
        state = await self._ancestry.state(fork)
        data, ancestor = await self._home.snapshots.read(fork.id), await self._ancestry.read(state.ancestor)

        def write() -> None:
            (directory / FORK).write_bytes(data)
            if ancestor is not None:
                (directory / ANCESTOR).write_bytes(ancestor)
            for number, share in shares.items():
                (directory / f"{SHARE}{number:03d}").write_bytes(share)
            (directory / OPTIONS).write_text(json.dumps(options | {"member": fork.state_sha256}))
            np.save(directory / TOKENS, Experience.of(state.experience).tokens())

        await in_thread(write)

        async def report(figures: dict[str, Any]) -> None:
            await job.report(figures.pop("progress"), **figures)

        return await run_process("merge", directory, report)

    def _check_learns(self) -> None:
        if not self._home.engine.status.plasticity:
            raise Conflict("plasticity is off: PATCH /v1/net turns it on")


async def merge_again(jobs: JobRunner, engine: Engine) -> None:
    """Queue the last merge once more whenever the net has lived as many tokens as it says, unless it was cancelled."""
    while True:
        last = next((job for job in reversed(jobs.all()) if "peers" in job.request), None)
        if last is None or not last.has_ended or last.status is JobStatus.CANCELLED or last.request["every"] is None:
            await jobs.change()
            continue
        then = last.metrics.get("tokens_seen", 0)
        seen = engine.status.tokens_seen
        if seen - (then if then <= seen else 0) >= last.request["every"]:  # else it was restored since
            with contextlib.suppress(Refused, StoreError):  # the store is in trouble, of which others tell
                await jobs.again(last.id)
        await asyncio.sleep(_LOOK_SECONDS)


def _result(job: JobContext, adopted: bool, **others: Any) -> JobResult:
    notes = job.notes
    made = {"snapshot": notes["fitted"], "fork": notes["fork"]} if adopted else {}
    return {"adopted": adopted, **notes["figures"], **made, **others}
