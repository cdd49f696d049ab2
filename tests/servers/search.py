"""A real search engine: OpenSearch, or Elasticsearch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import requests

from tests.servers.java import LOGGING, MACHINE, JavaServer
from tests.servers.maven import fetched

_NOBODY = 65534
_CONFIG = """\
cluster.name: tests
node.name: one
path.data: {folder}/data
path.logs: {folder}/logs
network.host: 127.0.0.1
http.port: {port}
transport.port: {other}
discovery.type: single-node
node.store.allow_mmap: false
xpack.security.enabled: false
cluster.routing.allocation.disk.threshold_enabled: false
"""


class SearchEngine(JavaServer):
    """One node that listens on this machine."""

    timeout_s = 120.0

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def ready(self) -> bool:
        """Return whether all its data can be read."""
        try:
            health = requests.get(f"{self.url}/_cluster/health", timeout=2).json()
        except (requests.RequestException, ValueError):
            return False
        return health.get("status") in ("green", "yellow")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request and return the answer, which must be good."""
        answer = requests.request(method, self.url + path, json=body, timeout=30)
        assert answer.ok, answer.text[:1000]
        return answer.json()

    def index(self, name: str, documents: Iterable[Mapping[str, Any]], refresh: bool = True) -> None:
        """Write documents in one bulk."""
        lines = []
        for document in documents:
            lines += [orjson.dumps({"create": {"_index": name}}), orjson.dumps(document)]
        answer = requests.post(
            f"{self.url}/_bulk" + ("?refresh=true" if refresh else ""),
            data=b"\n".join([*lines, b""]),
            headers={"Content-Type": "application/x-ndjson"},
            timeout=60,
        )
        assert answer.ok, answer.text[:1000]
        assert not answer.json()["errors"], answer.text[:1000]


class OpenSearch(SearchEngine):
    """One OpenSearch node."""

    def __init__(self, folder: Path, settings: Sequence[str] = ()) -> None:
        super().__init__(folder)
        self._home = fetched("opensearch")
        self._settings = settings

    def command(self) -> Sequence[str]:
        """Return what to run."""
        ports = (str(self.port), str(self.other_port))
        memory = ("-Xms256m", "-Xmx512m")
        classes = ("-cp", f"{self._home}/lib/*")
        return ["java", *memory, *MACHINE, *classes, "SearchNode", str(self.folder), *ports, *self._settings]


class Elasticsearch(SearchEngine):
    """One Elasticsearch node. It refuses to run as root, so root starts it as nobody."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._home = fetched("elasticsearch") / "home"
        config = folder / "config"
        config.mkdir()
        (folder / "tmp").mkdir()
        text = _CONFIG.format(folder=folder, port=self.port, other=self.other_port)
        (config / "elasticsearch.yml").write_text(text)
        shutil.copy(LOGGING, config / "log4j2.properties")
        machine = ["-Xms512m", "-Xmx512m", *MACHINE[:3], "-Djava.io.tmpdir=${ES_TMPDIR}"]
        (config / "jvm.options").write_text("\n".join([*machine, ""]))
        if os.geteuid() == 0:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, _NOBODY, _NOBODY)

    def command(self) -> Sequence[str]:
        """Return what to run."""
        return [str(self._home / "bin" / "elasticsearch")]

    def options(self) -> Mapping[str, Any]:
        """Return its environment, and its user where the tests run as root."""
        java = Path(shutil.which("java") or "/usr/bin/java").resolve().parents[1]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "ES_PATH_CONF": str(self.folder / "config"),
            "ES_TMPDIR": str(self.folder / "tmp"),
            "ES_JAVA_HOME": str(java),
        }
        user = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        return {"env": environment, "cwd": self.folder, **user}
