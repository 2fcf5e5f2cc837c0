"""Events as JSON, signed as Standard Webhooks (version 1) says."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

from pydantic import BaseModel

from service.hooks.hook import Hook
from service.hooks.sending import Message
from service.streams.rows import StreamEvent
from service.streams.shown import News

_PREFIX = "whsec_"
_LEAST_BYTES, _MOST_BYTES = 24, 64  # of a secret
_NEW_BYTES = 32


class _Body(BaseModel):
    events: list[News]


def new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(_NEW_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """Return the key that a secret holds. Raises ValueError for what is none."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise ValueError(f"{_PREFIX} and {_LEAST_BYTES} to {_MOST_BYTES} bytes in base64; leave it out for a new one")
    return key


def message_of(hook: Hook, events: Sequence[StreamEvent], now: float) -> Message:
    """Return the message that tells of events, of which there is at least one; it has the same id at each try."""
    assert hook.secret is not None
    body = _Body(events=[News.of(event) for event in events]).model_dump_json().encode()
    id, at = f"{hook.id}-{events[0].id}-{events[-1].id}", str(int(now))
    signature = hmac.digest(key_of(hook.secret), f"{id}.{at}.".encode() + body, hashlib.sha256)
    signed = f"v1,{base64.b64encode(signature).decode()}"
    return Message(hook.url, body, {"webhook-id": id, "webhook-timestamp": at, "webhook-signature": signed})
