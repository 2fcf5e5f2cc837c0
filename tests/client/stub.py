"""A server that answers what a test says, and remembers what it was asked."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TypeAlias

Answer: TypeAlias = tuple[int, dict[str, str], object]  # a status, headers and a body


@dataclass
class Stub:
    """An answer that is None is a connection that breaks."""

    answers: list[Answer | None]
    url: str = ""
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)  # method, path and headers


def refusal(status: int, slug: str, detail: str = "", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, named, {"type": f"/problems/{slug}", "title": slug, "status": status, "detail": detail}


@contextmanager
def stub(*answers: Answer | None) -> Iterator[Stub]:
    made = Stub(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            made.asked.append((self.command, self.path, dict(self.headers)))
            answer = made.answers.pop(0)
            if answer is None:
                return
            status, headers, body = answer
            encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(encoded)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(encoded)

        do_POST = do_PATCH = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield made
        server.shutdown()
        thread.join()
