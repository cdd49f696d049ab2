"""Reads of the incident list at a steady rate, with many incidents stored, beside a bare FastAPI endpoint.

``python -m tests.bench.web`` fills a store, serves it in one process and asks from another, alternately with
an application that answers the same bytes and does nothing else. The store is written to meanwhile, as an
agent does. Prints one JSON object for each.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from agent.records import IncidentState
from agent.store.documents import to_json
from agent.store.schema import incidents
from agent.web.listeners import listen_on_port
from agent.web.server import ApiServer
from tests.make import incident
from tests.web.gallery import Gallery

PATHS = ("/api/v1/incidents", "/api/v1/incidents?state=escalated", "/api/v1/incidents?before=50000&limit=20")


def fill(gallery: Gallery, count: int) -> None:
    """Put so many incidents into the store, most of them over."""
    from agent.records import Diagnosis

    now, shown = gallery.clock.now(), to_json(Diagnosis, incident().diagnosis)
    states = [IncidentState.RECOVERED] * 96 + [IncidentState.CLOSED] * 3 + [IncidentState.ESCALATED]
    with gallery.stores.database.transaction() as connection:
        for first in range(0, count, 5000):
            rows = []
            for number in range(first, min(first + 5000, count)):
                state, at = states[number % 100], now - timedelta(seconds=count - number)
                rows.append(
                    {
                        "version": 1, "state": state.value, "detail": "",
                        "entity": f"web{number % 500}/nginx",
                        "host": f"web{number % 500}", "fault": "service_down", "title": f"Incident {number}",
                        "symptomatic": False, "opened_at": at, "updated_at": at, "last_seen_at": at,
                        "closed_at": at if state.final else None, "diagnosis": shown, "options": "[]",
                    }
                )  # fmt: skip
            connection.execute(insert(incidents), rows)


@contextmanager
def written_to(gallery: Gallery) -> Iterator[None]:
    """Commit something twice a second."""
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.5):
            gallery.stores.audit.note(gallery.clock.now(), "bench", "wrote", "agent")

    writer = threading.Thread(target=write)
    writer.start()
    yield
    stop.set()
    writer.join()


def serve(folder: Path, count: int) -> None:
    """Serve the API and the bare endpoint until standard input ends."""
    from fastapi import FastAPI, Response

    gallery = Gallery(folder, limits={"per_caller": 1e6, "per_address": 1e6, "failures": 1e6})
    fill(gallery, count)
    bare = FastAPI()
    with gallery.serving() as url, written_to(gallery):
        body = ask_once(url, gallery.tokens["ann"])

        @bare.get("/api/v1/incidents")
        async def answer() -> Response:
            return Response(body, media_type="application/json")

        listener = listen_on_port("127.0.0.1:0")
        server = ApiServer(bare, "port", "bare", listener)
        server.start()
        port = listener.getsockname()[1]
        print(
            json.dumps([url.removeprefix("http://"), f"127.0.0.1:{port}", gallery.tokens["ann"]]), flush=True
        )
        sys.stdin.read()
        server.stop()


def ask_once(url: str, token: str) -> bytes:
    """Return what the list answers."""
    import requests

    answer = requests.get(f"{url}/api/v1/incidents", headers={"Authorization": f"Bearer {token}"}, timeout=60)
    return answer.content


def load(place: str, token: str, path: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Ask at the rate for so long, and return what came of it."""
    command = [sys.executable, "-m", "tests.bench.httpload", place, "--path", path, "--token", token]
    command += ["--clients", str(asked.clients), "--seconds", str(asked.seconds), "--rate", str(asked.rate)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return dict(json.loads(done.stdout))


def main() -> None:
    """Run both, alternately."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--incidents", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--serve", type=Path)
    asked = parser.parse_args()
    if asked.serve is not None:
        serve(asked.serve, asked.incidents)
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.bench.web", "--serve", folder]
        command += ["--incidents", str(asked.incidents)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            place, bare, token = json.loads(server.stdout.readline())
            wait_for(place)
            for path in PATHS:
                print(json.dumps({"what": "bare", **load(bare, token, PATHS[0], asked)}), flush=True)
                print(json.dumps({"what": path, **load(place, token, path, asked)}), flush=True)
            assert server.stdin is not None
            server.stdin.close()


def wait_for(place: str) -> None:
    """Wait until a port answers."""
    host, _, port = place.rpartition(":")
    for _ in range(100):
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)


if __name__ == "__main__":
    main()
