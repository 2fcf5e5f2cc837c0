"""What Redis itself refuses: the writes of a server that has the store no longer.

A write goes with the keys of a fence, and what they hold as long as the store is the writer's. Redis looks at them and
writes in one step, so that nothing comes late, however long it was on its way.
"""

from collections.abc import Mapping
from typing import Any

REFUSED = "this server has the store no longer"
_IF_OURS = f"""
for place, key in ipairs(KEYS) do
  if redis.call('get', key) ~= ARGV[place] then return redis.error_reply('{REFUSED}') end
end
"""
#: Any command, as the arguments behind those of the fence.
COMMAND = _IF_OURS + "return redis.call(unpack(ARGV, #KEYS + 1))"
#: A key, its value as it must be, and the value that it gets, or nothing more to delete it; returns whether it was so.
SWAP = (
    _IF_OURS
    + """
local key, old, new = unpack(ARGV, #KEYS + 1)
if redis.call('get', key) ~= old then return 0 end
if new then redis.call('set', key, new) else redis.call('del', key) end
return 1
"""
)


def fenced(fence: Mapping[str, str], *arguments: str | bytes) -> dict[str, Any]:
    """Return what one of these scripts is called with."""
    return {"keys": list(fence), "args": [*fence.values(), *arguments]}
