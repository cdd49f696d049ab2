"""A real Alertmanager that tells nobody."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.servers.debian import CACHE, unpacked
from tests.servers.process import free_port, serving


@dataclass(frozen=True)
class Alertmanager:
    """A running Alertmanager."""

    url: str

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that are active."""
        found: list[dict[str, Any]] = requests.get(f"{self.url}/api/v2/alerts", timeout=5).json()
        return found


def _relocated(package: Path) -> Path:
    """Return a copy of the program that finds its templates below the folder it is started in.

    Debian's program opens them at an absolute path, and nothing is installed for a test.
    """
    program = CACHE / "prometheus-alertmanager.relocated"
    if not program.exists():
        original = (package / "usr" / "bin" / "prometheus-alertmanager").read_bytes()
        # of one length: what a program's strings are found by
        elsewhere = original.replace(b"/usr/share/prometheus", b"usr//share/prometheus")
        partial = program.with_suffix(f".{os.getpid()}")
        partial.write_bytes(elsewhere)
        partial.chmod(0o755)
        partial.replace(program)
    return program


@contextlib.contextmanager
def running_alertmanager(folder: Path, port: int | None = None) -> Iterator[Alertmanager]:
    """Run one with its data in ``folder``."""
    config = folder / "alertmanager.yml"
    config.write_text(yaml.safe_dump({"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}))
    url = f"http://127.0.0.1:{port or free_port()}"
    package = unpacked("prometheus-alertmanager")
    command = [
        "env",
        f"--chdir={package}",
        str(_relocated(package)),
        f"--config.file={config}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--cluster.listen-address=",
    ]

    def ready() -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{url}/-/ready", timeout=1).ok
        return False

    with serving(command, folder / "alertmanager.log", ready):
        yield Alertmanager(url)
