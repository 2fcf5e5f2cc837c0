"""What a person reads on a terminal when the server is ready: where to look, and what to type."""

import shlex
import shutil
import sys
from pathlib import Path

from service.settings import Settings

_TEXT = "examples/alice.txt"  # in a checkout of the project
_EVERY_ADDRESS = {"http://0.0.0.0:": "http://127.0.0.1:", "http://[::]:": "http://[::1]:"}


def welcome(url: str, needs_key: bool) -> str:
    """Return the lines for a server at `url`, with commands that run as they are where this process was started."""
    for listened, open_to_a_browser in _EVERY_ADDRESS.items():
        url = url.replace(listened, open_to_a_browser)
    command = " ".join((_command(), *_options(url, needs_key)))
    text = _TEXT if Path(_TEXT).exists() else "FILE"
    return f"""
  RealNet is awake.

  Open   {url}        watch it live
         {url}/docs   every call
  Type   {command} stream {text}
         {command} generate "Alice "
         (in another terminal{", with your key" if needs_key else ""})
  Stop   Ctrl-C; the next start goes on where this one ended
"""


def _command() -> str:
    """Return how to call `realnet` from a shell in this directory."""
    called = Path(sys.argv[0])
    return shlex.quote(str(called)) if called.name == "realnet" and shutil.which("realnet") is None else "realnet"


def _options(url: str, needs_key: bool) -> list[str]:
    default = "http://{host.default}:{port.default}".format_map(Settings.model_fields)
    return [*(["--url", url] if url != default else []), *(["--key", "KEY"] if needs_key else [])]
