"""Who asks, and what they may: keys compared in constant time, their file followed."""

import asyncio
import hmac
import logging
import math
from dataclasses import dataclass, field

from service.auth.keys import Key, KeysError, Scope, digest_of, read_keys
from service.auth.rate_limit import TokenBucket
from service.errors import Forbidden, Limited
from service.settings import Settings

_LOOK_SECONDS = 1.0  # how long a revoked key may still be one
_logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Caller:
    """Someone with a key, for as long as it is one."""

    name: str
    scope: Scope
    requests: TokenBucket = field(default_factory=lambda: TokenBucket(0))
    ticks: TokenBucket = field(default_factory=lambda: TokenBucket(0))
    revoked: asyncio.Event = field(default_factory=asyncio.Event)
    space: str = (
        ""  # begins the names that it gives to things, which are nobody else's; stays with another key so named
    )

    def check(self, needed: Scope) -> None:
        if self.scope < needed:
            raise Forbidden(f"this needs a key of scope {needed.word}, and yours has {self.scope.word}")

    def count_request(self) -> None:
        _check_pace(self.requests, "requests")
        self.requests.take(1)

    def check_pace(self) -> None:
        """Before ticks are asked for; raises Limited."""
        _check_pace(self.ticks, "ticks")

    async def keep_pace(self) -> None:
        """As `check_pace`, but waits."""
        while wait := self.ticks.wait():
            await asyncio.sleep(wait)


def _check_pace(bucket: TokenBucket, what: str) -> None:
    if wait := bucket.wait():
        raise Limited(f"more {what} a second than one key may ask for", math.ceil(wait))


class Keyring:
    """All keys. Without any in the settings, whoever comes may do everything."""

    def __init__(self, settings: Settings) -> None:
        self.required = settings.has_keys
        self._settings = settings
        self._callers: dict[Key, Caller] = {}
        self._anybody = Caller("anybody", Scope.ADMIN)
        self.strangers = Caller(
            "strangers", Scope.OPEN, TokenBucket(settings.rate_requests)
        )  # all without a key, together
        self._seen: object = None

    def __len__(self) -> int:
        return len(self._callers)

    def load(self) -> None:
        """From the settings and the file, as it is now. Raises KeysError, and then all is as before."""
        keys = set()
        self._seen = self._state()
        if self._settings.api_key is not None:
            keys.add(Key("environment", Scope.ADMIN, digest_of(self._settings.api_key.get_secret_value())))
        if self._settings.keys_file is not None:
            keys.update(read_keys(self._settings.keys_file))
        for key in self._callers.keys() - keys:
            self._callers.pop(key).revoked.set()
        for key in keys - self._callers.keys():
            rates = TokenBucket(self._settings.rate_requests), TokenBucket(self._settings.rate_ticks)
            self._callers[key] = Caller(key.name, key.scope, *rates, space=f"{key.name}/")

    def caller(self, key: str | None) -> Caller | None:
        """Whose key it is; None for nobody's."""
        if not self.required:
            return self._anybody
        if key is None:
            return None
        digest = digest_of(key)
        found = None
        for known, caller in self._callers.items():  # all of them: how long it takes says nothing
            if hmac.compare_digest(known.digest, digest):
                found = caller
        return found

    async def follow(self) -> None:
        """Read the file again whenever it has changed. What can't be read changes nothing but the log."""
        while self._settings.keys_file is not None:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._state() == self._seen:
                continue
            try:
                self.load()
            except KeysError as error:
                _logger.error("the keys are as they were before: %s", error)
            else:
                _logger.info("keys read again, there are %d", len(self))

    def _state(self) -> object:
        if self._settings.keys_file is None:
            return None
        try:
            stat = self._settings.keys_file.stat()
        except OSError as error:
            return error.errno
        return stat.st_mtime_ns, stat.st_ino, stat.st_size
