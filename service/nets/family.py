"""Children that go over to another parent, and what parents they need until then and after it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, suppress
from fnmatch import fnmatchcase
from typing import Generic, TypeAlias

from realnet.dendrites.family import check_are_alike
from realnet.dendrites.parent import Parent
from service.aio import in_thread
from service.engine.clones import clone
from service.engine.pace import Mode
from service.engine.rebase import Rebase
from service.errors import Conflict, ErrorLocation, Invalid, NetDamaged, NotFound
from service.nets.children import Child, Children
from service.nets.elsewhere import Elsewhere
from service.nets.family_jobs import FamilyJobs, check_consent
from service.nets.hot import E
from service.nets.manifest import NetManifest, ParentRef
from service.nets.parents import Above, Parents
from service.nets.part import Part
from service.replica.birth import Descent
from service.runtime.awakening import snapshots_of
from service.runtime.birth import CannotStart
from service.runtime.open_store import OpenStore
from service.runtime.runtime import Runtime
from service.settings import Settings

Change: TypeAlias = Callable[[NetManifest], NetManifest]


class Family(Generic[E]):
    """The children of all nets. On the loop.

    A child goes over to another parent by a record of its journal. Before it the manifest names both parents, the new
    one among the `others`; after it they change places, here or at the next start. A parent that it is over no more
    stays until a snapshot is over the new one, and as long as a snapshot that is kept is over the old one.
    """

    def __init__(
        self,
        place: OpenStore,
        settings: Settings,
        children: Children,
        parents: Parents,
        *,
        use: Callable[[str], AbstractAsyncContextManager[E]],
        is_closed: Callable[[], bool],
        ref: Callable[[Above], Awaitable[ParentRef]],
        add: Callable[[Child], Awaitable[None]],
        manifest: Callable[[str], Awaitable[NetManifest]],
        rewritten: Callable[[str, Change], Awaitable[NetManifest]],
        edge_of: Callable[[str], E | None],
        part: Part,
        elsewhere: Elsewhere | None,
    ) -> None:
        self._place, self._settings = place, settings
        self._children, self._parents = children, parents
        self._use, self._ref, self._add, self._edge_of = use, ref, add, edge_of
        self.is_closed, self.manifest, self._rewritten = is_closed, manifest, rewritten
        self._one = asyncio.Lock()  # goes over at a time, and no parent is let go meanwhile
        self._part, self._elsewhere = part, elsewhere
        self._jobs: FamilyJobs[E] = FamilyJobs(self, place, part, elsewhere)

    def serve(self, name: str, runtime: Runtime) -> None:
        """Run the jobs about the children of a net that has been opened."""
        self._jobs.serve(name, runtime)

    async def descent_of(self, manifest: NetManifest) -> Descent | None:
        """Return what makes a net a child, None where nothing does. Raises CannotStart or StoreError."""
        if (ref := manifest.parent) is None:
            return None
        loop, name = asyncio.get_running_loop(), manifest.id

        def others(sha256: str) -> Parent:
            return asyncio.run_coroutine_threadsafe(self._other(name, sha256), loop).result()

        return Descent(await self._parents.get(ref), ref.lines, others)

    async def settle(self, name: str, descent: Descent | None) -> None:
        """Have the manifest of a net that was opened say what it is over. Raises StoreError."""
        if descent is None:
            return
        manifest = await self.manifest(name)
        if manifest.parent is None or manifest.parent.sha256 == descent.parent.sha256:
            return
        now = next(each for each in manifest.others if each.sha256 == descent.parent.sha256)
        await self._rewritten(name, lambda manifest: _over(manifest, now))

    async def rebase(self, name: str, net: str, snapshot: str) -> None:
        """Have a child go on over another snapshot, of its parent or of another net; nothing happens if it is that.

        Raises Refused or StoreError, and then it is over the one or over the other.
        """
        async with self._one:
            manifest = await self.manifest(name)
            if (before := manifest.parent) is None:
                raise Conflict(f"net {name} is no child: it has no parent in whose place another could be")
            if (before.net, before.snapshot) == (net, snapshot) and not manifest.others:
                return
            child = Child(net, snapshot, name)
            with self._children.expected(child):  # from here on the new parent is not deleted
                now = await self._ref(Above(net, snapshot, before.lines))
                parent = await self._checked(before, now)
                async with self._use(name) as edge:
                    await self._go_over(name, edge.runtime, now, parent)
                    await self._release(name, edge.runtime)

    async def _go_over(self, name: str, runtime: Runtime, now: ParentRef, parent: Parent) -> None:
        descent = runtime.snapshots.descent
        assert descent is not None, "it is a child"
        if (await self.manifest(name)).parent == now:
            if descent.is_new:  # it had gone over, and the server was killed
                await runtime.snapshotter.save()
            return
        if runtime.status.mode is Mode.PAUSED:
            raise Conflict(f"net {name} is paused: resume it first")
        await self._add(Child(now.net, now.snapshot, name))
        await self._rewritten(name, lambda manifest: _with_other(manifest, now))
        if descent.parent.sha256 != now.sha256:  # else both snapshots are of one net
            await runtime.snapshotter.rebase(Rebase(parent))
        await self._rewritten(name, lambda manifest: _over(manifest, now))

    async def count(self, net: str, snapshot: str | None = None) -> int:
        """Return how many children need a net, or one of its snapshots, still. Raises StoreError."""
        await self.release(net, snapshot)
        there = await self._children.family(net, snapshot)
        if self._elsewhere is not None and (far := [each.name for each in there if not self._part.has(each.name)]):
            await self._elsewhere.release(far, net, snapshot)
            there = await self._children.family(net, snapshot)
        return len(there)

    async def release(self, net: str, snapshot: str | None = None) -> None:
        """Let the parents go, of a net or of one snapshot of it, that the nets here which were children need no more.

        While a child goes over none is let go: it may be about to need one, and may be waiting for who asks.
        Raises StoreError.
        """
        if self._one.locked():
            return
        async with self._one:
            for child in self._children.of(net, snapshot):
                with suppress(NotFound, NetDamaged):  # it is being deleted, or nobody knows what it needs
                    manifest = await self.manifest(child.name)
                    if manifest.parent is None or _names(manifest.parent, child):
                        continue
                    edge = self._edge_of(child.name)
                    await self._release(child.name, None if edge is None else edge.runtime)
                    if not any(_names(each, child) for each in (await self.manifest(child.name)).others):
                        await self._children.drop(child)

    async def state(self, name: str, parent: str) -> bytes:
        """Return what a child is now, which may be merged into the parent of this hash.

        Raises Conflict where it may not, Refused or StoreError.
        """
        async with self._use(name) as edge:
            check_consent({name: await self.manifest(name)})
            checkpoint, _ = await clone(edge.runtime.engine)
        if checkpoint.config.get("parent") != parent:
            raise Conflict(f"net {name} is no child of this snapshot any more, and nothing was merged")
        return await in_thread(checkpoint.to_bytes)

    async def members(self, net: str, snapshot: str | None, patterns: Iterable[str]) -> dict[str, NetManifest]:
        """Return the children of a net, or of one snapshot of it, whose names a pattern fits; also those elsewhere.

        Raises Invalid for a name that is none of them, NetDamaged or StoreError.
        """
        asked = list(patterns)
        found: dict[str, NetManifest] = {}
        for name in sorted({child.name for child in await self._children.all_of(net)}):
            if not any(fnmatchcase(name, pattern) for pattern in asked):
                continue
            with suppress(NotFound):  # it is being deleted
                manifest = await self.manifest(name)
                parent = manifest.parent
                if parent is not None and parent.net == net and snapshot in (None, parent.snapshot):
                    found[name] = manifest
        what = f"net {net}" if snapshot is None else f"snapshot {snapshot} of the net {net}"
        wrong = [number for number, name in enumerate(asked) if "*" not in name and name not in found]
        if wrong:
            raise Invalid(
                [ErrorLocation(detail=f"no child of {what} has this name", pointer=f"/children/{n}") for n in wrong]
            )
        return found

    async def parent(self, net: str, snapshot: str) -> ParentRef:
        """Return what a snapshot is to its children, which is kept from now on. Raises Invalid, Refused, StoreError."""
        return await self._ref(Above(net, snapshot, 0))

    async def _checked(self, before: ParentRef, now: ParentRef) -> Parent:
        try:
            parent = await self._parents.get(now)
            check_are_alike(await self._parents.get(before), parent)
        except CannotStart as error:
            raise NetDamaged(str(error)) from error
        except ValueError as error:
            raise Invalid([ErrorLocation(detail=str(error), pointer="/parent")]) from error
        return parent

    async def _release(self, name: str, runtime: Runtime | None) -> None:
        manifest = await self.manifest(name)
        if not manifest.others or manifest.parent is None:
            return
        now = manifest.parent.sha256
        catalog = snapshots_of(name, self._settings, self._place) if runtime is None else runtime.snapshots
        free = [each for each in manifest.others if each.sha256 == now or not await catalog.needs(each.sha256, now)]
        if free:
            left = tuple(each for each in manifest.others if each not in free)
            await self._rewritten(name, lambda manifest: manifest.model_copy(update={"others": left}))
            for child in (Child(each.net, each.snapshot, name) for each in free):
                if not _names(manifest.parent, child):
                    await self._children.drop(child)

    async def _other(self, name: str, sha256: str) -> Parent:
        manifest = await self.manifest(name)
        there = [each for each in (manifest.parent, *manifest.others) if each is not None and each.sha256 == sha256]
        if not there:
            raise ValueError(f"its parent is {sha256}, which this net never had or has no more")
        try:
            return await self._parents.get(there[0])
        except CannotStart as error:
            raise ValueError(str(error)) from error


def _names(ref: ParentRef, child: Child) -> bool:
    return (ref.net, ref.snapshot) == (child.net, child.snapshot)


def _with_other(manifest: NetManifest, other: ParentRef) -> NetManifest:
    others = tuple(each for each in manifest.others if each != other)
    return manifest.model_copy(update={"others": (*others, other)})


def _over(manifest: NetManifest, now: ParentRef) -> NetManifest:
    """Return the manifest of a child that is over one of its `others` now."""
    before = () if manifest.parent is None else (manifest.parent,)
    others = (*(each for each in manifest.others if each != now), *before)
    return manifest.model_copy(update={"parent": now, "others": others})
