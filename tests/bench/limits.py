"""Two hundred clients that ask without end under the stock limits, and how long health takes meanwhile.

``python -m tests.bench.limits`` serves the API in one process, loads it from another, and asks for
``/-/healthy`` over a connection of its own, before and meanwhile. Prints one JSON object for each.
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.config.api import LimitsSection
from tests.bench.web import wait_for
from tests.web.gallery import Gallery

_EVERY_S = 0.02


def serve(folder: Path) -> None:
    """Serve the API under the stock limits until standard input ends."""
    gallery = Gallery(folder, limits=LimitsSection().model_dump(mode="json"))
    gallery.fill()
    with gallery.serving() as url:
        print(json.dumps([url.removeprefix("http://"), gallery.tokens["ann"]]), flush=True)
        sys.stdin.read()


def ask_for_health(place: str, until: Callable[[], bool]) -> dict[str, Any]:
    """Ask for health again and again; return the waiting times in milliseconds."""
    host, _, port = place.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    waited: list[float] = []
    while not until():
        began = time.perf_counter()
        connection.request("GET", "/-/healthy")
        answer = connection.getresponse()
        answer.read()
        waited.append(1000 * (time.perf_counter() - began))
        assert answer.status == 200, answer.status
        time.sleep(_EVERY_S)
    connection.close()
    waited.sort()
    at = {f"p{share}_ms": round(waited[int(share / 100 * (len(waited) - 1))], 2) for share in (50, 95, 99)}
    return {"answers": len(waited), **at, "most_ms": round(waited[-1], 2)}


def main() -> None:
    """Measure health alone, then beside the clients."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--serve", type=Path)
    asked = parser.parse_args()
    if asked.serve is not None:
        serve(asked.serve)
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.bench.limits", "--serve", folder]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            assert server.stdin is not None
            place, token = json.loads(server.stdout.readline())
            wait_for(place)
            end = time.monotonic() + 3
            print(
                json.dumps({"what": "health alone", **ask_for_health(place, lambda: time.monotonic() > end)})
            )
            load = [sys.executable, "-m", "tests.bench.httpload", place, "--token", token]
            load += ["--clients", str(asked.clients), "--seconds", str(asked.seconds)]
            with subprocess.Popen(load, stdout=subprocess.PIPE) as clients:
                health = ask_for_health(place, lambda: clients.poll() is not None)
                assert clients.stdout is not None
                told = json.loads(clients.stdout.read())
            print(json.dumps({"what": f"{asked.clients} clients", **told}))
            print(json.dumps({"what": "health meanwhile", **health}))
            server.stdin.close()


if __name__ == "__main__":
    main()
