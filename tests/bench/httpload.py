"""Many clients that ask one server again and again over connections of their own; says how long they waited.

``python -m tests.bench.httpload 127.0.0.1:9469 --path /api/v1/incidents --token T --clients 200 --seconds 5``
prints a JSON object: how many answers of which status, and the waiting times in milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter


class Load:
    """Sends requests at a steady rate, or as fast as answers come with a rate of nothing."""

    def __init__(self, host: str, port: int, request: bytes, rate: float) -> None:
        self._host, self._port = host, port
        self._request = request
        self._rate = rate
        self._next = 0.0
        self.statuses: Counter[str] = Counter()
        self.waited: list[float] = []
        self.late = 0

    async def run(self, clients: int, seconds: float) -> None:
        """Let clients ask for so long."""
        self._next = time.perf_counter()
        end = self._next + seconds
        await asyncio.gather(*(self._client(end) for _ in range(clients)))

    async def _client(self, end: float) -> None:
        reader = writer = None
        while time.perf_counter() < end:
            due = self._due()
            if due > end:
                break
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            # what could not be sent in time counts from when it should have been: no omission is hidden
            began = due if self._rate else time.perf_counter()
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection(self._host, self._port)
                writer.write(self._request)
                status, keep = await _answer(reader)
            except (OSError, asyncio.IncompleteReadError, ValueError):
                status, keep = "broken", False
            self.statuses[status] += 1
            self.waited.append(time.perf_counter() - began)
            if not keep and writer is not None:
                writer.close()
                writer = None
        if writer is not None:
            writer.close()

    def _due(self) -> float:
        if not self._rate:
            return time.perf_counter()
        due, self._next = self._next, self._next + 1 / self._rate
        return due


async def _answer(reader: asyncio.StreamReader) -> tuple[str, bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = next(
        (int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("content-length:")), 0
    )
    if length:
        await reader.readexactly(length)
    return head.split(" ")[1], "connection: close" not in head


def main() -> None:
    """Ask, and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("place")
    parser.add_argument("--path", default="/api/v1/incidents")
    parser.add_argument("--token", default="")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=0.0)
    asked = parser.parse_args()
    host, _, port = asked.place.rpartition(":")
    login = f"Authorization: Bearer {asked.token}\r\n" if asked.token else ""
    request = f"GET {asked.path} HTTP/1.1\r\nHost: {asked.place}\r\n{login}\r\n".encode()
    load = Load(host, int(port), request, asked.rate)
    asyncio.run(load.run(asked.clients, asked.seconds))
    waited = sorted(load.waited) or [0.0]

    def at(share: float) -> float:
        return round(1000 * waited[min(len(waited) - 1, int(share * len(waited)))], 2)

    print(
        json.dumps(
            {
                "answers": len(load.waited),
                "per_second": round(len(load.waited) / asked.seconds, 1),
                "statuses": dict(load.statuses),
                "p50_ms": at(0.5),
                "p95_ms": at(0.95),
                "p99_ms": at(0.99),
                "most_ms": round(1000 * waited[-1], 2),
            }
        )
    )


if __name__ == "__main__":
    main()
