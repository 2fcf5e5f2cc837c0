"""What a net was made as, and the settings that it lives by."""

import re
from functools import lru_cache
from typing import Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from realnet.core.dendrite_memory import WORDS
from realnet.dendrites.birth import LEAST_LINES, MOST_LINES, check_lines
from realnet.dendrites.compact import LEAST
from realnet.learners import default_preset
from service.aio import in_thread
from service.errors import Conflict, ErrorLocation, Invalid
from service.replica.birth import OF_DENDRITES
from service.runtime.birth import CannotStart, birth_of, create
from service.settings import NetSettings, Settings
from service.speed.device import CPU, GPU, check_is_there
from service.store.sealed import Sealed
from service.validation import locations_of

LINE_BYTES = 4 * WORDS  # of a net of dendrites
DEFAULT = "default"  # the server's own net, which its settings make
NETS = "nets"  # in a store, the folder of all manifests
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
Kind: TypeAlias = Literal["tokens", "frames", "streams"]

_WEIGHT_BYTES = 4  # of a net that is a matrix
_LEARNING = 2**9  # neurons of a net of tokens that learn, at most: the others are inputs
# A net that only watches streams has the smallest net of tokens beside them.
_OF_STREAMS = {"preset": "dendrites", "variant": "compact", "memory": LEAST}
# What one net of many does not inherit: it rests where nothing comes, sleeps when it is told to, and nobody follows it.
_OF_MANY: dict[str, Any] = {
    "rest_after": 0,
    "free_run": False,
    "idle_learning": False,
    "sleep_after": 0.0,
    "hash_every": 0,
}
_OF_CHILDREN = {"tick_hz", "self_loop"}  # of a form
_DEVICE = re.compile(rf"{CPU}|{GPU}(:[0-9]+)?")


class Form(BaseModel):
    """What makes a net. What is None is as the settings have it by themselves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: Literal["dendrites", "surprise", "manifesto", "literal"] | None = None
    variant: Literal["fast", "standard", "large", "compact"] | None = None
    max_lines: int | None = None
    memory: int | None = None
    vocabulary: str | None = None
    neurons: int | None = None
    seed: int | None = None
    inputs: int | None = None
    outputs: int | None = None
    device: str | None = None
    tick_hz: float | None = None
    self_loop: bool | None = None

    @property
    def given(self) -> dict[str, Any]:
        return self.model_dump(exclude_none=True)


class ParentRef(BaseModel):
    """The snapshot that a net is a child of, by the hash of all that it is; the child has so many `lines` of its own.

    No snapshot and no net that has children is deleted, so this finds it for as long as the child is there.
    """

    model_config = ConfigDict(frozen=True)

    net: str
    snapshot: str
    sha256: str
    lines: int


class Consent(BaseModel):
    """What may be done with what a child has learnt: to `merge` it into its parent, which others read."""

    model_config = ConfigDict(frozen=True)

    merge: bool = False


class Limits(BaseModel):
    """What bounds a net beside its size, whoever asks it; None is no limit but the server's.

    Attributes:
        rate_requests: requests a second.
        rate_ticks: tokens, frames or rows a second.
        snapshots_kept: snapshots that stay of those that nobody asked to keep.
    """

    model_config = ConfigDict(frozen=True)

    rate_requests: float | None = None
    rate_ticks: float | None = None
    snapshots_kept: int | None = None


class NetManifest(Sealed, frozen=True):
    """A net by its name, which is the `id`; `created` is in seconds since 1970. One with a `parent` is a child.

    `others` are parents that its snapshots, or the records of its journal, may be over beside that.
    """

    kind: Kind
    created: float
    form: Form
    parent: ParentRef | None = None
    others: tuple[ParentRef, ...] = ()
    consent: Consent = Consent()
    limits: Limits = Limits()

    @property
    def lean(self) -> Self:
        """Return the same, with parts of another where they are equal: most nets are made alike."""
        parts = {name: _shared(getattr(self, name)) for name in ("form", "parent", "limits")}
        return self.model_copy(update=parts)


@lru_cache(maxsize=1024)
def _shared(part: Form | ParentRef | Limits | None) -> Form | ParentRef | Limits | None:
    return part


def is_name(name: str) -> bool:
    return NAME.fullmatch(name) is not None


def settings_of(kind: Kind, form: Form, limits: Limits, server: Settings) -> Settings:
    """Return the settings of a net: those of its form, and else those of the server that are not of its own net."""
    given = form.given | (_OF_STREAMS if kind == "streams" else {})
    own = {name: getattr(server, name) for name in Settings.model_fields}
    born = {name: NetSettings.model_fields[name].default for name in Form.model_fields}
    asked = (server.model_fields_set - born.keys()) | given.keys()
    bounds = {"snapshots_kept": snapshots_kept(limits, server)}
    return Settings.model_construct(asked, **(own | born | _OF_MANY | given | bounds))


def snapshots_kept(limits: Limits, server: Settings) -> int:
    """Return how many snapshots stay of a net that nobody asked to keep: a limit gives no more than the server's."""
    own = limits.snapshots_kept
    return server.snapshots_kept if own is None else min(own, server.snapshots_kept)


def settings_of_default(server: Settings) -> Settings:
    """Return the settings of the net named default where it is one of many, and no server's own."""
    own = {name: getattr(server, name) for name in Settings.model_fields}
    return Settings.model_construct(server.model_fields_set, **(own | _OF_MANY))


async def check_can_be_born(manifest: NetManifest, server: Settings) -> int:
    """Make such a net, let it go again, and return how many bytes it took.

    Raises Invalid, or Conflict for one that is too large for this server, or needs a GPU that it has not.
    """
    form, kind = manifest.form, manifest.kind
    is_of_frames = form.inputs is not None or form.outputs is not None
    places = []
    if kind == "frames" and (form.inputs is None or form.outputs is None):
        places.append(ErrorLocation(detail="a net of frames needs inputs and outputs", pointer="/kind"))
    elif kind != "frames" and is_of_frames:
        places.append(ErrorLocation(detail=f"a net of {kind} has no inputs and outputs", pointer="/kind"))
    if kind == "streams" and form.given.keys() - {"tick_hz"}:
        places.append(ErrorLocation(detail="a net of streams is made without any form", pointer="/kind"))
    if kind == "frames" and form.self_loop:
        places.append(ErrorLocation(detail="a net of frames has no tokens to think in", pointer="/self_loop"))
    if form.vocabulary is not None and form.vocabulary != "bytes" and not form.vocabulary.startswith("symbols:"):
        detail = "bytes or symbols:N: a file of this server is read for the net named default only"
        places.append(ErrorLocation(detail=detail, pointer="/vocabulary"))
    if (why := _why_not_on(form)) is not None:
        places.append(ErrorLocation(detail=why, pointer="/device"))
    if places:
        raise Invalid(places)
    try:
        NetSettings(**form.given)
    except ValidationError as error:
        located = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        raise Invalid(locations_of(located)) from None
    if (needed := _bytes_of_matrix(form)) > server.nets_hot_bytes:
        most = server.nets_hot_bytes >> 20
        raise Conflict(f"so many neurons take {needed >> 20} MiB, and all nets together may take {most} MiB")
    settings = settings_of(kind, form, manifest.limits, server)
    await _check_has(settings.device)
    try:
        return (await in_thread(lambda: create(birth_of(settings), CPU))).net.nbytes
    except (ValueError, CannotStart) as error:
        raise Invalid([ErrorLocation(detail=str(error), pointer="")]) from error


async def moved(form: Form, device: str) -> dict[str, Any]:
    """Return what changes of a form where another device is to compute the net: its preset is what it was made as.

    Raises Invalid, or Conflict where the device is not there.
    """
    if device == (form.device or CPU):
        return {}
    preset = form.preset or default_preset(form.neurons, form.inputs, form.device or CPU)
    changed = {"preset": preset, "device": device}
    if (why := _why_not_on(form.model_copy(update=changed))) is not None:
        raise Invalid([ErrorLocation(detail=why, pointer="/device")])
    await _check_has(device)
    return changed


async def _check_has(device: str) -> None:
    """Raise Conflict unless this server has the device."""
    try:
        await in_thread(lambda: check_is_there(device))
    except ValueError as error:
        raise Conflict(str(error)) from None


def check_child(kind: Kind, form: Form, lines: int) -> None:
    """Raise Invalid unless a child may be made so: it is as its parent is."""
    places = [
        ErrorLocation(detail="a child is made as its parent is: leave this out", pointer=f"/{name}")
        for name in form.given.keys() - _OF_CHILDREN
    ]
    if kind != "tokens":
        places.append(ErrorLocation(detail="only a net of tokens has a parent", pointer="/kind"))
    try:
        check_lines("lines", lines, LEAST_LINES, MOST_LINES)
    except ValueError as error:
        places.append(ErrorLocation(detail=str(error), pointer="/lines"))
    if places:
        raise Invalid(places)


def check_consent(manifest: NetManifest, consent: Consent | None, is_child: bool) -> None:
    """Raise Invalid where consent is given for a net that is no child."""
    if consent is not None and not is_child:
        detail = f"only a child may be merged into its parent, and {manifest.id} is none"
        raise Invalid([ErrorLocation(detail=detail, pointer="/consent")])


def _why_not_on(form: Form) -> str | None:
    """Return why no net may be made so on the device that is asked for, if that is so."""
    if form.device is None or form.device == CPU:
        return None
    if _DEVICE.fullmatch(form.device) is None:
        return "cpu, cuda or cuda:N: auto and sharded are of the net named default alone"
    if form.preset == "dendrites" or form.given.keys() & OF_DENDRITES:
        return "dendrites are computed by the CPU: a GPU is for the other presets"
    return None


def _bytes_of_matrix(form: Form) -> int:
    """Return about how many bytes the weights of such a net would take, if its size was chosen."""
    neurons = max(form.neurons or 0, (form.inputs or 0) + (form.outputs or 0))
    if form.preset == "literal":
        return _WEIGHT_BYTES * neurons**2
    return _WEIGHT_BYTES * neurons * (_LEARNING if form.inputs is None else neurons - form.inputs)
