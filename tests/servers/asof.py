"""A Prometheus asked as of a time that a test says: its past stands still, or goes by with the polls."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl

import requests

from agent.collect.scrapes import NEWEST
from tests.servers.handled import handled_by
from tests.servers.process import wait_until


@dataclass
class AsOf:
    """``at`` is the time, in seconds since 1970, that every question without one is asked of ``target``."""

    target: str
    at: float
    url: str = ""
    _until: float = 0.0
    _each_s: float = 0.0

    def live(self, until: float, each_s: float) -> None:
        """Let time go by until then, so many seconds at each poll of the agent, and stand still again."""
        self._until, self._each_s = until, each_s
        wait_until(lambda: self.at >= until, 300, "nobody polls")

    def _go_on(self) -> None:
        self.at = max(self.at, min(self.at + self._each_s, self._until))

    @contextlib.contextmanager
    def running(self) -> Iterator[AsOf]:
        """Pass requests on from a free port until the block ends."""
        asked = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = dict(parse_qsl(body, keep_blank_values=True))
                if self.path.startswith("/api/v1/query") and "start" not in form:
                    if form["query"] == NEWEST:  # the first question of a poll
                        asked._go_on()
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
