"""A Prometheus asked as of a time that a test says: its past goes by as fast as an agent is started anew."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl

import requests

from tests.servers.handled import handled_by


@dataclass
class AsOf:
    """``at`` is the time, in seconds since 1970, that every question without one is asked of ``target``."""

    target: str
    at: float
    url: str = ""

    @contextlib.contextmanager
    def running(self) -> Iterator[AsOf]:
        """Pass requests on from a free port until the block ends."""
        asked = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = dict(parse_qsl(body, keep_blank_values=True))
                if self.path.startswith("/api/v1/query") and "start" not in form:
                    form.setdefault("time", f"{asked.at:.3f}")
                self._pass(requests.post(asked.target + self.path, data=form, timeout=30))

            def do_GET(self) -> None:
                self._pass(requests.get(asked.target + self.path, timeout=30))

            def _pass(self, answer: requests.Response) -> None:
                with contextlib.suppress(ConnectionError):  # an agent that was killed
                    self.send_response(answer.status_code)
                    self.send_header("Content-Type", answer.headers["Content-Type"])
                    self.send_header("Content-Length", str(len(answer.content)))
                    self.end_headers()
                    self.wfile.write(answer.content)

            def log_message(self, *arguments: object) -> None:
                pass

        with handled_by(Handler) as self.url:
            yield self
