"""Tell callers apart by their keys, which are compared in constant time and read again when their file changes."""

import asyncio
import errno
import hmac
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from service.auth.keys import ENVIRONMENT, Key, KeysError, Scope, digest_of, read_keys
from service.auth.rate_limit import Rates
from service.auth.share import EVERYTHING, Share
from service.errors import Forbidden

_LOOK_SECONDS = 1.0  # how long a revoked key may stay valid, and a limit hold that was changed
_OF_A_KEY = "one key may ask for"
_logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Caller:
    """Whoever holds a key, for as long as that is valid.

    `space` begins the names that the caller gives to things, so that they are no other caller's. A new key of the same
    name continues it. Without keys it is empty.
    """

    name: str
    scope: Scope
    rates: Rates = field(default_factory=lambda: Rates(_OF_A_KEY))
    revoked: asyncio.Event = field(default_factory=asyncio.Event)
    space: str = ""
    share: Share = EVERYTHING

    @property
    def label(self) -> str | None:
        """Return what the caller's inputs are labelled with, unless he says otherwise; without keys nothing."""
        return self.name if self.space else None

    def check(self, needed: Scope) -> None:
        """Raises Forbidden if the key does not have the scope."""
        if not self.scope.includes(needed):
            raise Forbidden(f"this needs a key of scope {needed.word}, and yours has {self.scope.word}")

    def check_net(self, name: str) -> None:
        """Raises Forbidden if the key is not for nets of this name, whether or not there is one."""
        if not self.share.includes(name):
            raise Forbidden(f"the key is for nets of the names {', '.join(self.share.nets)}, and not for this one")

    def check_all_nets(self) -> None:
        """Raises Forbidden if there are nets that the key is not for."""
        if "*" not in self.share.nets:
            raise Forbidden("this tells of all nets, and the key is for some")

    def count_request(self) -> None:
        """Raises Limited if the key is over its rate of requests."""
        self.rates.count_request()

    def check_pace(self, net: Rates | None) -> None:
        """Raises Limited while the key, or a net that has these rates, is over its rate of ticks."""
        self.rates.check_ticks()
        if net is not None:
            net.check_ticks()

    async def keep_pace(self, net: Rates | None) -> None:
        """Wait until both are within their rates of ticks."""
        while wait := self.rates.ticks.wait() or (0.0 if net is None else net.ticks.wait()):
            await asyncio.sleep(min(wait, _LOOK_SECONDS))

    def take(self, ticks: int, net: Rates | None) -> None:
        """Count ticks that a net lives through for the caller, against both."""
        self.rates.ticks.take(ticks)
        if net is not None:
            net.ticks.take(ticks)


class Keyring:
    """All keys: that of the environment, and those of a file. Without both, anybody may do everything.

    `rate_requests` and `rate_ticks` are what a key without rates of its own may ask for a second; 0 is no limit.
    """

    def __init__(
        self, api_key: SecretStr | None, keys_file: Path | None, rate_requests: float, rate_ticks: float
    ) -> None:
        self.required = api_key is not None or keys_file is not None
        self._own = []
        if api_key is not None:
            self._own.append(Key(ENVIRONMENT, Scope.ADMIN, digest_of(api_key.get_secret_value())))
        self._file = keys_file
        self._rates = rate_requests, rate_ticks
        self._callers: dict[Key, Caller] = {}
        self._anybody = Caller("anybody", Scope.ADMIN)
        self.strangers = Caller("strangers", Scope.OPEN, Rates(_OF_A_KEY, rate_requests))  # all without a key, together
        self.limits: tuple[Share, ...] = ()  # of bytes: another tuple whenever they have changed
        self._seen: object = None  # the file's state when it was last read

    def __len__(self) -> int:
        return len(self._callers)

    def load(self) -> None:
        """Read the file. Raises KeysError where that cannot be read, and then all keys are as before."""
        self._seen = self._state()
        self._replace(self._own if self._file is None else [*self._own, *read_keys(self._file)])

    def caller(self, key: str | None) -> Caller | None:
        """Return the holder of a key, None if there is none."""
        if not self.required:
            return self._anybody
        if key is None:
            return None
        digest = digest_of(key)
        found = None
        for known, caller in self._callers.items():  # all of them, so that the time taken tells nothing
            if hmac.compare_digest(known.digest, digest):
                found = caller
        return found

    async def follow(self) -> None:
        """Read the file again whenever it has changed, for ever.

        A file that is gone has no keys in it: all of its keys are revoked. One that cannot be read, or is wrong,
        changes no key. Both are logged.
        """
        while self._file is not None:
            await asyncio.sleep(_LOOK_SECONDS)
            state = self._state()
            if state == self._seen:
                continue
            if state == errno.ENOENT:
                self._seen = state
                self._replace(self._own)
                _logger.warning("%s is gone, and with it all of its keys: nobody is let in with one", self._file)
                continue
            try:
                self.load()
            except KeysError as error:
                _logger.error("the keys are as they were before: %s", error)
            else:
                _logger.info("keys read again, there are %d", len(self))

    def _replace(self, keys: Iterable[Key]) -> None:
        """Revoke the keys that are not among these, and add those that are new."""
        keys = set(keys)
        for key in self._callers.keys() - keys:
            self._callers.pop(key).revoked.set()
        for key in keys - self._callers.keys():
            own = key.share.rate_requests, key.share.rate_ticks
            given = (all_keys if its is None else its for all_keys, its in zip(self._rates, own, strict=True))
            rates = Rates(_OF_A_KEY, *given)
            self._callers[key] = Caller(key.name, key.scope, rates, space=f"{key.name}/", share=key.share)
        self.limits = tuple({key.share: None for key in self._callers if key.share.max_bytes is not None})

    def _state(self) -> object:
        """Return what changes with the file, or the number of the error that hides it."""
        if self._file is None:
            return None
        try:
            stat = self._file.stat()
        except OSError as error:
            return error.errno
        return stat.st_mtime_ns, stat.st_ino, stat.st_size
