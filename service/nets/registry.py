"""All nets of a store by their names: made, listed, changed, deleted, and opened for those who use them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from typing import Generic

from service.auth.share import EVERYTHING, Share
from service.errors import Conflict, Follows, NetDamaged, NotFound, NotReady, Refused
from service.nets.births import Births
from service.nets.children import Children, check_has_none
from service.nets.deletions import Deletions
from service.nets.elsewhere import Elsewhere
from service.nets.family import Family
from service.nets.hot import E, HotNets, State
from service.nets.kin import SharedKin
from service.nets.manifest import (
    DEFAULT,
    Consent,
    Form,
    Kind,
    Limits,
    NetManifest,
    check_consent,
    is_name,
    moved,
    settings_of,
    settings_of_default,
    snapshots_kept,
)
from service.nets.manifests import Manifests
from service.nets.names import Names
from service.nets.parents import Above, Parents
from service.nets.part import Part
from service.nets.tally import Counts
from service.replica.birth import Descent
from service.runtime import changes
from service.runtime.open_store import OpenStore
from service.runtime.runtime import Runtime
from service.settings import Settings
from service.store.base import Store
from service.store.health import StoreHealth
from service.store.keys import deleted_net_key, manifest_key
from service.store.own_keys import KeysOfNets


@dataclass(slots=True, frozen=True)
class NetSeen:
    """A net as it is now. `manifest` is None of the net named default, and where that cannot be read.

    Attributes:
        why: it is damaged.
        runtime: of one in memory.
    """

    name: str
    manifest: NetManifest | None
    state: State
    why: str | None
    runtime: Runtime | None
    nbytes: int | None


ALL = Part()
_FORMS = 64  # whose settings are kept


class Nets(Generic[E]):
    """The nets of a store, of which `default` is always in memory; or one `part` of them, without any that is. On the
    loop.

    The others are `elsewhere`. A name is there from the put of its manifest until its deletion begins.
    """

    def __init__(
        self,
        place: OpenStore,
        settings: Settings,
        default: E | None,
        open: Callable[[str, Settings, Store, Descent | None], AbstractAsyncContextManager[E]],
        leads: Callable[[], bool],
        part: Part = ALL,
        shares: Callable[[], tuple[Share, ...]] = tuple,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._place, self._store, self._settings = place, place.store, settings
        self.default, self._open_net, self._leads = default, open, leads
        self._settings_of = lru_cache(maxsize=_FORMS)(partial(settings_of, server=settings))  # most nets are made alike
        self._part = part
        self._always = {DEFAULT} if part.has(DEFAULT) else set[str]()  # there without a manifest
        self._manifests = Manifests(place.store, self._always)
        self._parents, self._children = Parents(place, settings, part.is_of_cluster), Children(place.store, part)
        self._kin = SharedKin(place, settings, self._parents, self._children) if part.is_of_cluster else None
        self._has_loaded = False
        self._loading = asyncio.Lock()
        self._keys = KeysOfNets(place.store)
        self.hot: HotNets[E] = HotNets(
            self._open, settings.nets_hot, settings.nets_hot_bytes, settings.nets_wait, shares
        )
        self._deletions = Deletions(place, self._keys, self._children, self.hot.remove, self._manifests.writing)
        self._births: Births[E] = Births(
            settings,
            self._manifests,
            self._children,
            self._parents,
            self._kin,
            self._deletions,
            shares,
            use=self.use,
        )
        self.family: Family[E] = Family(
            place,
            settings,
            self._children,
            self._parents,
            use=self.use,
            is_closed=lambda: self.hot.is_closed,
            ref=self._births.ref,
            add=self._births.add,
            manifest=self._manifests.get,
            rewritten=self._manifests.rewrite,
            edge_of=lambda name: self.hot.edge_of(name),
            part=part,
            elsewhere=elsewhere,
        )
        if default is not None:
            self.family.serve(DEFAULT, default.runtime)
            default.runtime.snapshots.children = partial(self._children_of, DEFAULT)
        self._health = StoreHealth(place.store)

    async def load(self) -> None:
        """Read which nets there are, and go on with deletions. Raises StoreError."""
        async with self._loading:
            if self._has_loaded or not self._leads():
                return
            is_redis = self._place.directory is None  # where to list some keys is to look through all
            keys = await self._store.keys("" if is_redis else manifest_key(""))
            deleted = set(self._named(keys, deleted_net_key("")))
            names = set(self._named(keys, manifest_key("")))
            await self._children.load(keys, names | deleted)
            await self._children.take_back(deleted)
            if is_redis:
                self._keys.begin(keys, names | deleted | (self._always if self.default is None else set()))
            self._manifests.names = Names((self._always | names) - deleted)
            self._has_loaded = True
            for name in sorted(deleted):
                self._begin_to_delete(name)

    def _named(self, keys: Iterable[str], folder: str) -> Iterator[str]:
        """Return the names of the nets that these keys in a folder are of, and that are here."""
        names = (key.removeprefix(folder) for key in keys)
        return (name for name in names if is_name(name) and self._part.has(name))

    @property
    def failure(self) -> str | None:
        """Return why this server cannot go on, if it can't."""
        return self._place.lock.lost if self.default is None else self.default.runtime.failure

    async def check_ready(self) -> None:
        """Raise Refused or StoreError unless nets can be opened here, and the one that is always in memory lives."""
        if self.default is not None:
            await self.default.runtime.check_ready()
        elif self.hot.is_closed:
            raise NotReady("the server is shutting down")
        elif (error := await self._health.error()) is not None:
            raise error

    def begin_to_close(self) -> None:
        """Have all nets end beside the one that is always in memory."""
        self._deletions.cancel()
        self.hot.begin_to_close()
        self._parents.close()

    async def close(self) -> None:
        await self._deletions.close()
        await self.hot.close()

    @asynccontextmanager
    async def use(self, name: str, of: str = "", counts: bool = False) -> AsyncIterator[E]:
        """Have a net in memory until the end of the block, for the one who is named `of`.

        One that `counts` is a request to the net, and none is woken for one too many. Raises NotFound, Misdirected,
        Limited, NetDamaged, StoreError, Conflict where it is larger than the share of a key, or NotReady where it
        cannot be woken in time.
        """
        if name == DEFAULT and self.default is not None:
            yield self.default
            return
        await self._check_is_there(name)
        if counts and name != DEFAULT:
            await self._manifests.get(name)  # then its rates are known
            if (rates := self._manifests.rates(name)) is not None:
                rates.count_request()
        async with self.hot.use(name, of) as edge:
            yield edge

    @property
    def edges(self) -> list[E]:
        """Return all nets in memory."""
        return [*([] if self.default is None else [self.default]), *self.hot.edges]

    @property
    def counts(self) -> Counts:
        hot = self.hot
        return Counts(
            len(self._manifests.names), len(hot.edges), hot.nbytes, self._parents.nbytes, hot.damaged, hot.tally
        )

    # What may be asked:

    async def names(
        self, share: Share = EVERYTHING, prefix: str = "", after: str = "", most: int | None = None
    ) -> list[str]:
        """Return the first names of a share that begin with `prefix`, sorted, behind `after`. Raises StoreError."""
        await self.load()
        return list(islice(self._manifests.names.of(share, prefix, after), most))

    async def seen(self, names: Sequence[str]) -> list[NetSeen]:
        """Return how these nets are, without waking any; those that are gone meanwhile are left out.

        Raises StoreError.
        """
        await self._manifests.read(name for name in names if name not in self._always)
        found = []
        for name in names:
            with suppress(NotFound):
                found.append(await self.find(name))
        return found

    async def find(self, name: str) -> NetSeen:
        """Return how a net is, without waking it. Raises NotFound, Misdirected or StoreError."""
        if name == DEFAULT and self.default is not None:
            return NetSeen(name, None, "hot", None, self.default.runtime, self.default.runtime.nbytes)
        await self._check_is_there(name)
        try:
            manifest = None if name == DEFAULT else await self._manifests.get(name)
        except NetDamaged as error:
            return NetSeen(name, None, "damaged", str(error), None, None)
        state, why = self.hot.state(name)
        edge = self.hot.edge_of(name)
        runtime = None if edge is None else edge.runtime
        return NetSeen(name, manifest, state, why, runtime, None if runtime is None else runtime.nbytes)

    async def create(
        self,
        name: str,
        kind: Kind,
        form: Form,
        share: Share = EVERYTHING,
        over: Above | None = None,
        consent: Consent | None = None,
        limits: Limits | None = None,
    ) -> NetSeen:
        """Make a net, which is born when it is used first, if there may be another one in the `share` of a key.

        It is a child of what it is made `over`. Raises Conflict, Invalid, Misdirected, NetDamaged, NotReady or
        StoreError.
        """
        self._check_leads()
        self._part.check(name)
        await self.load()
        await self._births.create(name, kind, form, share, over, consent, limits)
        return await self.find(name)

    async def change(
        self,
        name: str,
        *,
        tick_hz: float | None = None,
        self_loop: bool | None = None,
        device: str | None = None,
        limits: Mapping[str, float | None] | None = None,
        consent: Consent | None = None,
        over: tuple[str, str] | None = None,
    ) -> NetSeen:
        """Change what may change in a net's life, for good; have a child go `over` to a snapshot of a net.

        Of the `limits` those change that are given, and None takes one away. Another `device` computes it from its next
        waking on: at once, if nobody uses it. Raises Refused or StoreError.
        """
        if name == DEFAULT:
            raise Conflict("the net named default is as the server's settings say: PATCH /v1/net changes it")
        await self._check_is_there(name)
        manifest = await self._manifests.get(name)
        if self_loop and manifest.kind == "frames":
            raise Conflict("a net of raw frames has no tokens to think in")
        check_consent(manifest, consent, is_child=manifest.parent is not None)
        elsewhere = {} if device is None else await moved(manifest.form, device)
        if over is not None:
            await self.family.rebase(name, *over)
        given = {"tick_hz": tick_hz, "self_loop": self_loop, **elsewhere}
        changed = {each: value for each, value in given.items() if value is not None}

        def change(manifest: NetManifest) -> NetManifest:
            form = manifest.form.model_copy(update=changed)
            bounds = manifest.limits.model_copy(update=limits)
            return manifest.model_copy(update={"form": form, "consent": consent or manifest.consent, "limits": bounds})

        manifest = await self._manifests.rewrite(name, change)
        if (edge := self.hot.edge_of(name)) is not None:
            edge.runtime.snapshots.retention = snapshots_kept(manifest.limits, self._settings)
            with suppress(Refused):  # it is being closed
                await changes.configure(edge.runtime, tick_hz=tick_hz, self_loop=self_loop)
        if elsewhere:
            self.hot.renew(name)
        return await self.find(name)

    async def delete(self, name: str) -> None:
        """Delete a net with all that is stored of it, and return when that is done.

        Raises Conflict or NotFound; or StoreError, and then it is deleted as soon as the store lets it.
        """
        if name == DEFAULT:
            raise Conflict("the net named default is the server's own, and is never deleted")
        if name not in self._deletions:
            await self._check_is_there(name)
            check_has_none(name, await self.family.count(name))
            if self._kin is not None:
                await self._kin.mark_deleted(name)
            if name not in self._deletions:
                self._begin_to_delete(name)
        await self._deletions.wait(name)

    # How they are opened:

    @asynccontextmanager
    async def _open(self, name: str) -> AsyncIterator[E]:
        if name == DEFAULT:
            settings, descent = settings_of_default(self._settings), None
        else:
            manifest = await self._manifests.get(name)
            settings = self._settings_of(manifest.kind, manifest.form, manifest.limits)
            descent = await self.family.descent_of(manifest)
        store = self._keys.take(name)
        async with self._open_net(name, settings, store, descent) as edge:
            edge.runtime.snapshots.children = partial(self._children_of, name)
            edge.runtime.rates = partial(self._manifests.rates, name)
            self.family.serve(name, edge.runtime)
            await self.family.settle(name, descent)
            yield edge
        self._keys.give_back(name, store)

    async def _children_of(self, name: str, snapshot: str) -> int:
        await self.load()
        return await self.family.count(name, snapshot)

    def _check_leads(self) -> None:
        if not self._leads():
            raise Follows("this server follows another, and has of its nets only the one named default: ask the leader")

    async def _check_is_there(self, name: str) -> None:
        self._check_leads()
        self._part.check(name)
        await self.load()
        if not self._has(name):
            raise NotFound("there is no net of this name")

    def _has(self, name: str) -> bool:
        return name in self._manifests.names

    def _begin_to_delete(self, name: str) -> None:
        self._manifests.forget(name)
        self._deletions.begin(name)
