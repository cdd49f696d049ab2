"""Real Alertmanagers, alone or as a pair that tells each other what was sent."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.servers.debian import unpacked
from tests.servers.process import free_port, serving

# Debian's looks for its templates under /usr/share, and nothing is installed here: only it sees them there
_SEEN_AS_INSTALLED = (
    "unshare",
    "--map-root-user",
    "--mount",
    "sh",
    "-c",
    'mount -t overlay overlay -o lowerdir="$0:/usr/share" /usr/share && exec "$@"',
)


@dataclass(frozen=True)
class Alertmanager:
    """A running Alertmanager."""

    url: str
    gossip: str

    def fire(
        self,
        labels: Mapping[str, str],
        since: datetime,
        resolved: bool = False,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        """Tell it of an alert, as a Prometheus does."""
        ends = datetime.now(UTC) + (timedelta(seconds=-1) if resolved else timedelta(hours=1))
        alert: dict[str, Any] = {"labels": dict(labels), "annotations": dict(annotations or {})}
        alert |= {"startsAt": since.isoformat(), "endsAt": ends.isoformat()}
        answer = requests.post(f"{self.url}/api/v2/alerts", json=[alert], timeout=5)
        assert answer.ok, answer.text

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that are active."""
        found: list[dict[str, Any]] = requests.get(f"{self.url}/api/v2/alerts", timeout=5).json()
        return found


@contextlib.contextmanager
def running_alertmanager(
    folder: Path,
    receiver: Mapping[str, Any],
    peers: Sequence[str] | None = None,
    port: int | None = None,
    group_by: Sequence[str] = ("...",),
) -> Iterator[Alertmanager]:
    """Run one that sends to a webhook; ``peers`` make it a member of a cluster."""
    folder.mkdir(parents=True)
    port, gossip = port or free_port(), f"127.0.0.1:{free_port()}"
    url = f"http://127.0.0.1:{port}"
    soon = {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h", "group_by": list(group_by)}
    hook = {"name": "opsmend", "webhook_configs": [{"send_resolved": True, **receiver}]}
    config = folder / "alertmanager.yml"
    config.write_text(yaml.safe_dump({"route": {"receiver": "opsmend", **soon}, "receivers": [hook]}))
    home = unpacked("prometheus-alertmanager") / "usr"
    command = [
        *_SEEN_AS_INSTALLED,
        str(home / "share"),
        str(home / "bin" / "prometheus-alertmanager"),
        f"--config.file={config}",
        f"--storage.path={folder}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--cluster.listen-address={gossip if peers is not None else ''}",
        *(f"--cluster.peer={peer}" for peer in peers or ()),
        "--cluster.settle-timeout=1s",
        "--cluster.peer-timeout=1s",
    ]

    def ready() -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{url}/-/ready", timeout=1).ok
        return False

    with serving(command, folder / "server.log", ready):
        yield Alertmanager(url, gossip)
