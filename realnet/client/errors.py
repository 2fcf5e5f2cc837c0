"""What can go wrong with a server: a class for each type of problem that it answers with, under one base."""

from collections.abc import Callable, Sequence
from typing import ClassVar

import msgspec


class Place(msgspec.Struct, frozen=True):
    """One thing that is wrong, at a JSON `pointer` into the body, or in a `parameter` of the path, query or headers.

    For an uploaded file, `line` counts from 1, `pointer` points into that line, and `column` is the name of a column.
    """

    detail: str
    pointer: str | None = None
    parameter: str | None = None
    line: int | None = None
    column: str | None = None


class Problem(msgspec.Struct, frozen=True):
    """A problem as in RFC 9457."""

    type: str
    title: str = ""
    status: int | None = None
    detail: str | None = None
    errors: Sequence[Place] | None = None


class RealNetError(Exception):
    """Whatever goes wrong with a server. The message is one line for the user.

    Attributes:
        status: that of HTTP; None if no server refused anything.
        title: what kind of problem it is; None likewise.
        detail: what the server says of it, if anything.
        places: what is wrong in what was sent, each with its place.
        retry_after: the seconds after which another try makes sense; None if it makes none.
    """

    type: ClassVar[str] = ""  # of the server's problems, one for each class of them

    def __init__(self, message: str, problem: Problem | None = None, retry_after: float | None = None) -> None:
        """Make the error of a problem, before which `message` stands, or one with a message alone."""
        super().__init__(message)
        self._message = message
        self.status = None if problem is None else problem.status
        self.title = None if problem is None else problem.title
        self.detail = None if problem is None else problem.detail
        self.places: Sequence[Place] = (problem and problem.errors) or ()
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.line()

    def line(self, place_of: Callable[[str], str] = str) -> str:
        """Return the message with the first of the places; `place_of` names one in the body, else its pointer does."""
        line = self._message
        if self.title is not None:
            line += self.detail or self.title or "the server gives no reason"
        for place in self.places[:1]:
            where = place.column or place.parameter or place_of(place.pointer or "")
            if place.line is not None:
                where = f"line {place.line}" + (f", {each}" if (each := place.column or place.pointer) else "")
            line += f" ({where}: {place.detail})" if where else f" ({place.detail})"
        return line


class Unreachable(RealNetError):
    """No server answers, or what answers is none."""


class ConnectionLost(Unreachable):
    """The connection broke before the answer was there: nobody knows what the server did."""


class AnswerTimeout(Unreachable):
    """The server did not answer in time."""


class StreamClosed(RealNetError):
    """A stream was closed, by the server or because the connection broke; `code` is that of the close."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class JobCancelled(RealNetError):
    """A job whose result was waited for has been cancelled."""


class Malformed(RealNetError):
    type = "/problems/malformed"


class Invalid(RealNetError):
    type = "/problems/invalid"


class Unauthorized(RealNetError):
    """No key was given, or an unknown one."""

    type = "/problems/unauthorized"


class OutOfScope(RealNetError):
    """The key does not have the scope, or is not for the net."""

    type = "/problems/scope"


class Forbidden(RealNetError):
    """The Host or the Origin is not one that the server answers."""

    type = "/problems/forbidden"


class NotFound(RealNetError):
    type = "/problems/not-found"


class ModelNotFound(RealNetError):
    """No net has the name that a client of the OpenAI API asks for."""

    type = "/problems/model-not-found"


class MethodNotAllowed(RealNetError):
    type = "/problems/method-not-allowed"


class TooSlow(RealNetError):
    type = "/problems/too-slow"


class Conflict(RealNetError):
    type = "/problems/conflict"


class Follows(RealNetError):
    """The server follows another one, which alone may change the net: the message has its URL."""

    type = "/problems/follower"


class LeaderGone(RealNetError):
    """The server follows another one, which does not answer."""

    type = "/problems/leader-gone"


class Misdirected(RealNetError):
    """A shard of a cluster was asked for a net that another one has: ask a gateway."""

    type = "/problems/misdirected"


class TooLarge(RealNetError):
    type = "/problems/too-large"


class WrongContentType(RealNetError):
    type = "/problems/wrong-content-type"


class Overloaded(RealNetError):
    """There is no room now, for anybody."""

    type = "/problems/overloaded"


class Limited(RealNetError):
    """The key has its share, or the net."""

    type = "/problems/limited"


class InternalError(RealNetError):
    type = "/problems/internal"


class PeerFailed(RealNetError):
    """Another server, which this one was told to meet, does not answer, or refuses."""

    type = "/problems/peer-failed"


class NotInstalled(RealNetError):
    """The server lacks a package for this."""

    type = "/problems/not-installed"


class JobFailed(RealNetError):
    """A job that was begun and failed, for whatever reason: `title` and `detail` tell."""

    type = "/problems/job-failed"


class EngineStopped(RealNetError):
    type = "/problems/engine-stopped"


class NotDurable(RealNetError):
    """The journal cannot be written, so nothing can be learnt; reading and generating go on."""

    type = "/problems/not-durable"


class NotReady(RealNetError):
    """The server is still reading its journal, or fetches the net anew."""

    type = "/problems/not-ready"


class NetDamaged(RealNetError):
    """A net that cannot be opened, or cannot go on. Other nets can."""

    type = "/problems/net-damaged"


class StoreUnavailable(RealNetError):
    type = "/problems/store-unavailable"


_CLASSES = {each.type: each for each in RealNetError.__subclasses__() if each.type}

PASSING = NotDurable, NotReady, LeaderGone  # these refusals end by themselves
TRY_AGAIN_SECONDS = 1.0  # the server's Retry-After for them


def error_of(problem: Problem, about: str = "", retry_after: float | None = None) -> RealNetError:
    """Return the error for a problem, of its own class; `about` stands before the message."""
    return _CLASSES.get(problem.type, RealNetError)(about, problem, retry_after)


def error_of_answer(
    status: int, body: bytes | bytearray, about: str = "", retry_after: str | None = None
) -> RealNetError:
    """Return the error for an answer that is no success, whether it is a problem or something else."""
    seconds = float(retry_after) if retry_after is not None and retry_after.isdecimal() else None
    try:
        return error_of(msgspec.json.decode(body, type=Problem), about, seconds)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Unreachable(f"{about}HTTP status {status}; is that a RealNet server?")


def no_answer(url: str) -> str:
    return f"no server answers at {url}: start one with `realnet serve`, or name another with --url or REALNET_URL"
