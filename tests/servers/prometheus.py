"""A real Prometheus that scrapes an exporter whose metrics the test writes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.servers.debian import unpacked
from tests.servers.process import free_port, serving, wait_until


class Exporter:
    """Serves metrics on a free port. ``set`` replaces them; ``text = None`` makes scrapes fail.

    ``live`` is asked at every scrape, for samples that follow the state of something real.
    """

    def __init__(self) -> None:
        self.text: str | None = ""
        self.live: Callable[[], Mapping[str, float]] = dict
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = exporter.text
                if body is not None:
                    body += _exposition(exporter.live())
                with contextlib.suppress(ConnectionError):  # a scraper that was killed
                    self.send_response(200 if body is not None else 503)
                    self.send_header("Content-Type", "text/plain; version=0.0.4")
                    self.end_headers()
                    self.wfile.write((body or "").encode())

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        """Return where it listens."""
        return int(self._server.server_address[1])

    def set(self, samples: Mapping[str, float]) -> None:
        """Expose samples, such as ``{'free{instance="a"}': 0.5}``."""
        self.text = _exposition(samples)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


def _exposition(samples: Mapping[str, float]) -> str:
    return "".join(f"{name} {value}\n" for name, value in samples.items())


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus and the exporter it scrapes four times a second."""

    url: str
    exporter: Exporter

    def value(self, query: str) -> float | None:
        """Return the single value of a query, or None when there is none."""
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": query}, timeout=5).json()
        result = answer["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def expose(self, samples: Mapping[str, float], timeout_s: float = 10) -> None:
        """Expose samples and wait until Prometheus has scraped exactly these."""
        self.exporter.set({**samples, "test_generation": (generation := next(_generations))})
        wait_until(lambda: self.value("test_generation") == generation, timeout_s, "not scraped")


def _count() -> Iterator[int]:
    number = 0
    while True:
        number += 1
        yield number


_generations = _count()


@contextlib.contextmanager
def running_prometheus(
    folder: Path,
    scrape: str = "250ms",
    port: int | None = None,
    web: Mapping[str, Any] | None = None,
    bare: bool = False,
    **access: Any,
) -> Iterator[Prometheus]:
    """Run a Prometheus with its data in ``folder / "data"``.

    ``bare`` leaves out the labels of the target, so that samples continue series that were there before.
    ``web`` is its web configuration (TLS, users); ``access`` what requests then needs to get in.
    """
    exporter = Exporter()
    port = port or free_port()
    url = f"{'https' if web else 'http'}://127.0.0.1:{port}"
    config = folder / "prometheus.yml"
    target = {"targets": [f"127.0.0.1:{exporter.port}"]}
    job = {"job_name": "test", "honor_labels": True, "static_configs": [target]}
    if bare:
        job["metric_relabel_configs"] = [{"action": "labeldrop", "regex": "instance|job"}]
    config.write_text(
        yaml.safe_dump(
            {"global": {"scrape_interval": scrape, "scrape_timeout": scrape}, "scrape_configs": [job]}
        )
    )
    command = [
        str(unpacked("prometheus") / "usr" / "bin" / "prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    if web:
        (folder / "web.yml").write_text(yaml.safe_dump(dict(web)))
        command.append(f"--web.config.file={folder / 'web.yml'}")

    def ready() -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{url}/-/ready", timeout=1, **access).status_code == 200
        return False

    try:
        with serving(command, folder / "prometheus.log", ready):
            yield Prometheus(url, exporter)
    finally:
        exporter.close()


@contextlib.contextmanager
def serving_blocks(folder: Path, data: Path, program: Path | None = None) -> Iterator[str]:
    """Run a Prometheus that scrapes nothing on data that is there; yield its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    config = folder / "prometheus.yml"
    config.write_text("{}")
    command = [
        str(program or unpacked("prometheus") / "usr" / "bin" / "prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]

    def ready() -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{url}/-/ready", timeout=1).status_code == 200
        return False

    with serving(command, folder / "prometheus.log", ready):
        yield url
