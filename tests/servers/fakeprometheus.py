"""A Prometheus that a test makes say whatever a real one cannot be made to say."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

from tests.servers.handled import handled_by

Labels = Mapping[str, str]
_BATCHED = re.compile(r'label_replace\((\w+), "opsmend_signal", "(\w+)", "", ""\)')


@dataclass
class FakePrometheus:
    """``said`` are the samples of each query by labels; ``marks`` what answers carry beside them.

    ``refused`` are queries with the error that each gets. ``scraped`` are the instances that were scraped
    just now; by default all that samples name.
    """

    said: dict[str, list[tuple[Labels, Any]]] = field(default_factory=dict)
    marks: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    scraped: set[str] | None = None
    url: str = ""
    exporter: SimpleNamespace = field(default_factory=SimpleNamespace)

    @contextlib.contextmanager
    def running(self) -> Iterator[FakePrometheus]:
        """Answer on a free port until the block ends."""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                status, body = fake.answer(form["query"][0])
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self.send_error(404)

            def log_message(self, *arguments: object) -> None:
                pass

        with handled_by(Handler) as self.url:
            yield self

    def answer(self, query: str) -> tuple[int, bytes]:
        """Return status and body of an instant query."""
        asked = _BATCHED.findall(query) or [(query, "")]
        for one, _ in asked:
            if one in self.refused:
                return 422, json.dumps({"status": "error", "error": self.refused[one]}).encode()
        now = time.time()
        rows = [
            ({**labels, **({"opsmend_signal": signal} if signal else {})}, value)
            for one, signal in asked
            for labels, value in self._samples(one, now)
        ]
        result = [{"metric": labels, "value": [now, str(value)]} for labels, value in rows]
        marks = {name: what for one, _ in asked for name, what in self.marks.get(one, {}).items()}
        data = {"resultType": "vector", "result": result}
        return 200, json.dumps({"status": "success", "data": data, **marks}).encode()

    def _samples(self, query: str, now: float) -> list[tuple[Labels, Any]]:
        if query == "time()":
            return [({}, now)]
        if query == "timestamp(up)":
            instances = {labels.get("instance", "") for rows in self.said.values() for labels, _ in rows}
            found = instances | {"other:9100"} if self.scraped is None else self.scraped
            return [({"instance": one, "job": "node"}, now) for one in sorted(found)]
        return self.said.get(query, [])
