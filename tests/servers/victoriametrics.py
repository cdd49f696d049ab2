"""A real VictoriaMetrics, which speaks the API of Prometheus."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import requests

from tests.servers.debian import unpacked
from tests.servers.process import free_port, serving


@contextlib.contextmanager
def running_victoriametrics(folder: Path) -> Iterator[str]:
    """Run one with its data in ``folder``; yield its address."""
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        str(unpacked("victoria-metrics") / "usr" / "bin" / "victoria-metrics"),
        f"-storageDataPath={folder}",
        f"-httpListenAddr={url.removeprefix('http://')}",
        "-memory.allowedBytes=128MB",
        "-search.latencyOffset=0s",
    ]

    def ready() -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{url}/health", timeout=1).ok
        return False

    with serving(command, folder / "server.log", ready):
        yield url
