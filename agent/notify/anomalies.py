"""Open anomalies in, one message about all that are new out, and not the next one too soon."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from agent.clock import Clock
from agent.config.notify import AnomalyMessages
from agent.log import Logger
from agent.records import Anomaly
from agent.store import NotificationStore

log = Logger("notify")

ANOMALY = "anomaly"
_SHOWN = 20


class AnomalyDigest:
    """Puts a message up when anomalies are open that nobody was told of."""

    name = "anomaly messages"

    def __init__(self, notifications: NotificationStore, settings: AnomalyMessages, clock: Clock) -> None:
        self._notifications = notifications
        self._settings = settings
        self._clock = clock
        self._told: set[tuple[str, str, datetime]] = set()

    def announce(self, anomalies: Sequence[Anomaly]) -> None:
        """Put up a message if there is news and the last one is long enough ago. Raises StoreError."""
        sure = {_key(one) for one in anomalies if one.confidence >= self._settings.confidence}
        self._told &= {_key(one) for one in anomalies}
        if not sure - self._told:
            return
        now = self._clock.now()
        last = self._notifications.last(ANOMALY)
        if last is not None and now - last < self._settings.every:
            return
        for target in self._settings.targets:
            self._notifications.add(None, ANOMALY, target, now)
        self._told |= sure

    def close(self) -> None:
        """Hold nothing open."""


def tell_anomalies(anomalies: Sequence[Anomaly], name: str, now: datetime) -> tuple[str, str]:
    """Return title and body of a message about anomalies, the surest first."""
    ranked = sorted(anomalies, key=lambda one: (-one.confidence, one.opened_at))
    lines = []
    for one in ranked[:_SHOWN]:
        minutes = max((now - one.since).total_seconds() / 60, 0)
        lines.append(f"{one.text}, for {minutes:.0f} minutes, confidence {one.confidence:.2f}")
        if one.contributors:
            lines.append(f"  together with {', '.join(one.contributors)}")
    if len(ranked) > _SHOWN:
        lines.append(f"and {len(ranked) - _SHOWN} more")
    lines += ["", "Look at them:", "  opsmend anomalies"]
    what = "1 anomaly is" if len(ranked) == 1 else f"{len(ranked)} anomalies are"
    return f"[{name}] anomalies: {what} open", "\n".join(lines)


def _key(anomaly: Anomaly) -> tuple[str, str, datetime]:
    return anomaly.signal, str(sorted(anomaly.labels.items())), anomaly.opened_at
