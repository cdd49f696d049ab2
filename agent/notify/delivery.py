"""A message and the URLs of a target in, why it was not delivered out: sent by a process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from agent.config.settings import NotifyTarget
from agent.environment import own_python

_TIMEOUT_S = 90
NO_CHART: Mapping[str, Any] = {"series": [], "times": [], "since": 0.0, "chart_title": ""}


def deliver(urls: Sequence[str], title: str, body: str, chart: Mapping[str, Any] = NO_CHART) -> str:
    """Send a message to every URL; return why it failed, or nothing."""
    return _hand_over({"urls": list(urls), "title": title, "body": body, **chart})


def look_at(urls: Sequence[str]) -> str:
    """Return why a message to these URLs could never be sent, or nothing. Nobody is told."""
    return _hand_over({"urls": list(urls), "only_look": True})


def _hand_over(job: Mapping[str, Any]) -> str:
    try:
        done = subprocess.run(
            own_python("agent.notify.send"),
            input=orjson.dumps(job),
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it was not delivered within {_TIMEOUT_S} s"
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return "" if done.returncode == 0 else (lines[-1] if lines else f"exit code {done.returncode}")


def read_urls(target: NotifyTarget) -> list[str]:
    """Return the apprise URLs of a target. Raises OSError."""
    lines = target.url_file.read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
