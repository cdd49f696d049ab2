"""Open anomalies in, alerts in an Alertmanager out: begun, kept alive while they are open, then ended."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlencode

from agent.clock import Clock
from agent.collect.http import Reply
from agent.config.sources import AlertmanagerSection
from agent.errors import SourceError
from agent.log import Logger
from agent.metrics import ALERTS_SENT
from agent.records import Anomaly

log = Logger("notify")

ALERT_NAME = "OpsmendAnomaly"
_LABEL = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_]*$")
_LONGEST = 1000  # characters of a value
_AT_ONCE = 200  # alerts in one request
_LIVES = 3  # resends after which an alert that is not sent again ends by itself
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=1)

Key = tuple[str, str, frozenset[tuple[str, str]], datetime]


class Client(Protocol):
    """What sends a request."""

    def send(self, method: str, path: str, *, json: Any = None) -> Reply:
        """Send it and return the answer. Raises SourceUnreachable or SourceRefused."""

    def refuse(self, reply: Reply, said: str, missing: str) -> Exception:
        """Return the error for a bad status."""

    def close(self) -> None:
        """Let go of connections."""


class AnomalyAlerts:
    """Tells an Alertmanager what is open. What it did not take is sent again until it does, or is over."""

    name = "alertmanager"

    def __init__(
        self, client: Client, section: AlertmanagerSection, name: str, prometheus_url: str, clock: Clock
    ) -> None:
        self._client = client
        self._section = section
        self._name = name
        self._prometheus_url = prometheus_url
        self._clock = clock
        self._told: dict[Key, Anomaly] = {}
        self._ended: dict[Key, tuple[Anomaly, datetime]] = {}
        self._sent_at: datetime | None = None
        self._failures = 0
        self._not_before: datetime | None = None

    def announce(self, anomalies: Sequence[Anomaly]) -> None:
        """Send what is new, what ended, and from time to time everything. Raises SourceError."""
        now = self._clock.now()
        news = self._take(anomalies, now)
        due = self._sent_at is None or now - self._sent_at >= self._section.resend
        if not (self._told or self._ended) or not (news or self._ended or due):
            return
        if self._not_before is not None and now < self._not_before:
            return
        alerts = [self._alert(one, self._lives_until(now)) for one in self._told.values()]
        alerts += [self._alert(one, ended) for one, ended in self._ended.values()]
        try:
            for first in range(0, len(alerts), _AT_ONCE):
                self._send(alerts[first : first + _AT_ONCE])
        except SourceError:
            self._failures += 1
            self._not_before = now + min(_FIRST_PAUSE * 2 ** min(self._failures - 1, 8), _LONGEST_PAUSE)
            self._sent_at = None
            raise
        self._failures, self._not_before, self._sent_at = 0, None, now
        self._ended.clear()

    def close(self) -> None:
        """Let go of connections. What is open there ends by itself."""
        self._client.close()

    def _take(self, anomalies: Sequence[Anomaly], now: datetime) -> bool:
        """Bring what is told up to date; return whether there is something new to say."""
        # one that was sure enough once is told until it closes: an alert must not flap with a confidence
        current = {
            key: one
            for one in anomalies
            if (key := _key(one)) in self._told or one.confidence >= self._section.confidence
        }
        for key, one in self._told.items():
            if key not in current:
                self._ended[key] = one, now
        # what nobody could be told of its end has ended there by itself
        lifetime = _LIVES * self._section.resend
        self._ended = {key: (one, at) for key, (one, at) in self._ended.items() if now - at < lifetime}
        news = any(key not in self._told or one.kind != self._told[key].kind for key, one in current.items())
        self._told = current
        return news

    def _lives_until(self, now: datetime) -> datetime:
        return now + _LIVES * self._section.resend

    def _send(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        try:
            reply = self._client.send("POST", "/api/v2/alerts", json=alerts)
            if reply.status != 200:
                raise self._client.refuse(reply, str(reply.json() or ""), "url")
        except SourceError:
            ALERTS_SENT.labels("failed").inc(len(alerts))
            raise
        ALERTS_SENT.labels("sent").inc(len(alerts))

    def _alert(self, anomaly: Anomaly, ends_at: datetime) -> Mapping[str, Any]:
        graph = urlencode({"g0.expr": _utf8(anomaly.query), "g0.tab": "0", "g0.range_input": "1h"})
        return {
            "labels": self._labels(anomaly),
            "annotations": _annotations(anomaly),
            "startsAt": anomaly.since,
            "endsAt": ends_at,
            "generatorURL": f"{self._prometheus_url}/graph?{graph}",
        }

    def _labels(self, anomaly: Anomaly) -> dict[str, str]:
        """Return what tells this alert from others: nothing in it may change while the anomaly is open."""
        own = {name: _text(value) for name, value in anomaly.labels.items() if value and _LABEL.match(name)}
        return {
            **own,
            **self._section.labels,
            "alertname": ALERT_NAME,
            "signal": anomaly.signal,
            "entity": _text(anomaly.entity),
            "layer": anomaly.layer,
            "opsmend": self._name,
        }


def _annotations(anomaly: Anomaly) -> dict[str, str]:
    return {
        "summary": _text(anomaly.text),
        "kind": anomaly.kind,
        "confidence": f"{anomaly.confidence:.2f}",
        "observed": f"{anomaly.observed:.6g}",
        "expected": f"{anomaly.expected_low:.6g} to {anomaly.expected_high:.6g}",
        "since": anomaly.since.isoformat(timespec="seconds"),
        "query": _utf8(anomaly.query),
        **({"contributors": ", ".join(anomaly.contributors)} if anomaly.contributors else {}),
    }


def _key(anomaly: Anomaly) -> Key:
    return anomaly.layer, anomaly.signal, frozenset(anomaly.labels.items()), anomaly.opened_at


def _text(value: str) -> str:
    """Return a text that is UTF-8 and not endless."""
    return _utf8(value[:_LONGEST])


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
