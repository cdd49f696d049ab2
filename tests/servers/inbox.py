"""A place that messages are posted to, as a chat or a pager would take them."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Inbox:
    """What arrived, and whether it takes anything now."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.refusing = False
        self.url = ""

    def titles(self) -> list[str]:
        """Return the titles of what arrived, in order."""
        return [message["title"] for message in self.messages]


@contextlib.contextmanager
def running_inbox() -> Iterator[Inbox]:
    """Take messages until the block ends; ``url`` is how apprise calls the place."""
    inbox = Inbox()

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not inbox.refusing:
                inbox.messages.append(json.loads(body))
            self.send_response(503 if inbox.refusing else 200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    inbox.url = f"json://127.0.0.1:{server.server_port}/"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield inbox
    finally:
        server.shutdown()
        server.server_close()
