"""Nets that are made: whether there may be such a one, and what it is a child of."""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic

from service.auth.share import Share
from service.errors import Conflict, ErrorLocation, Invalid, NotFound
from service.nets.children import Child, Children
from service.nets.deletions import Deletions
from service.nets.hot import E
from service.nets.kin import SharedKin
from service.nets.manifest import (
    DEFAULT,
    LINE_BYTES,
    NETS,
    Consent,
    Form,
    Kind,
    Limits,
    NetManifest,
    ParentRef,
    check_can_be_born,
    check_child,
    check_consent,
)
from service.nets.manifests import Manifests
from service.nets.parents import Above, Parents
from service.nets.room import check_size
from service.settings import Settings


class Births(Generic[E]):
    """Makes nets, each of which is born when it is used first. On the loop.

    `shares` are those of keys that have a limit of bytes; `use` has a net in memory.
    """

    def __init__(
        self,
        settings: Settings,
        manifests: Manifests,
        children: Children,
        parents: Parents,
        kin: SharedKin | None,
        deletions: Deletions,
        shares: Callable[[], tuple[Share, ...]],
        use: Callable[[str], AbstractAsyncContextManager[E]],
    ) -> None:
        self._settings, self._manifests, self._deletions = settings, manifests, deletions
        self._children, self._parents, self._kin = children, parents, kin
        self._shares, self._use = shares, use
        self._born: tuple[Kind, Form, int] | None = None  # what was seen last that a net can be, and its bytes

    async def create(
        self,
        name: str,
        kind: Kind,
        form: Form,
        share: Share,
        over: Above | None,
        consent: Consent | None,
        limits: Limits | None,
    ) -> None:
        """Make a net, if there may be another one in the `share` of a key; a child of what it is made `over`.

        Raises Conflict, Invalid, NetDamaged, NotReady or StoreError.
        """
        manifest = NetManifest(
            id=name, kind=kind, created=time.time(), form=form, consent=consent or Consent(), limits=limits or Limits()
        )
        check_consent(manifest, consent, is_child=over is not None)
        if over is None:
            await self._create(manifest, share)
            return
        check_child(kind, form, over.lines)
        self._check_may_be(name, share)  # before anything of its parent is changed
        child = Child(over.net, over.snapshot, name)
        with self._children.expected(child):  # from here on its parent is not deleted
            await self._create(manifest.model_copy(update={"parent": await self.ref(over)}), share, child)

    async def ref(self, over: Above) -> ParentRef:
        """Return the parent of a net to be. Raises Invalid where there is none, Refused or StoreError."""
        if self._kin is not None:  # it may be another process that has it
            return await self._kin.ref(over)
        try:
            async with self._use(over.net) as edge:
                return await self._parents.ref(over, edge.runtime.snapshots)
        except NotFound as error:
            raise Invalid([ErrorLocation(detail=str(error), pointer="/parent/net")]) from None

    async def add(self, child: Child) -> None:
        """Note a child that is about to be. Raises Invalid where its parent is gone by now, Refused or StoreError."""
        await (self._kin or self._children).add(child)

    async def _create(self, manifest: NetManifest, share: Share, child: Child | None = None) -> None:
        name = manifest.id
        least = await self._least_bytes(manifest)
        for each in self._shares():
            if each.includes(name):
                check_size("such a net", least, each)
        self._check_may_be(name, share)
        self._manifests.add(manifest)
        try:
            if child is not None:
                await self.add(child)
            await self._manifests.put(manifest)
        except BaseException:
            if name not in self._deletions:
                self._manifests.forget(name)
            raise

    async def _least_bytes(self, manifest: NetManifest) -> int:
        """Return how many bytes of memory a net takes at least. Raises Invalid or Conflict where there can be none."""
        if manifest.parent is not None:
            return LINE_BYTES * manifest.parent.lines
        if self._born is None or self._born[:2] != (manifest.kind, manifest.form):
            self._born = manifest.kind, manifest.form, await check_can_be_born(manifest, self._settings)
        return self._born[2]

    def _check_may_be(self, name: str, share: Share) -> None:
        """Raise Conflict unless a net of this name may be made now."""
        names = self._manifests.names
        if name in names:
            raise Conflict(f"there is a net {name} already")
        if name in self._deletions or name == NETS:
            why = "is reserved" if name == NETS else "is being deleted: ask again"
            raise Conflict(f"the name {name} {why}")
        if len(names) > self._settings.nets:
            raise Conflict(f"there are {self._settings.nets} nets beside default, and no more may be: delete one")
        most = share.max_nets
        if most is not None and names.count(share) - share.includes(DEFAULT) >= most:
            raise Conflict(f"the key may have {most} nets, and no more: delete one")
