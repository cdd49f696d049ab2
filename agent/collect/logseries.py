"""Counts of log lines in, series for the frame out: lines per second by entity and template."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from datetime import datetime

from agent.collect.base import Answer
from agent.config.conditions import LINES, TEMPLATE_LINES
from agent.records import LogCount

_MOST = 2000  # series by template; the busiest
_FORGET_S = 3600.0
_STALE = 3.0  # readings that failed or did not come, after which nothing is known

Key = tuple[str, ...]


class LogSeries:
    """Holds the rates of the last reading until the next. Safe to use from several threads."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._lock = threading.Lock()
        self._counting: dict[str, dict[Key, int]] = {LINES: {}, TEMPLATE_LINES: {}}
        self._rates: dict[str, dict[Key, float]] = {}
        self._seen: dict[str, dict[Key, float]] = {LINES: {}, TEMPLATE_LINES: {}}
        self._read_at: float | None = None

    def add(self, counts: Iterable[LogCount]) -> None:
        """Count lines in for the reading that is under way."""
        with self._lock:
            for one in counts:
                if one.kind != "template":
                    continue
                service, host = one.labels.get("service", ""), one.labels.get("host", "")
                level = one.labels.get("level", "").lower()
                keys = {LINES: (service, host, level), TEMPLATE_LINES: (service, host, one.key)}
                for signal, key in keys.items():
                    counting = self._counting[signal]
                    counting[key] = counting.get(key, 0) + one.lines

    def finish(self, now_s: float | None = None) -> None:
        """End a reading: what was counted in it becomes the rates."""
        now_s = time.monotonic() if now_s is None else now_s
        with self._lock:
            # the first reading goes back over history: its span is not known here
            span_s = now_s - self._read_at if self._read_at is not None else None
            for signal, counting in self._counting.items():
                seen = self._seen[signal]
                seen.update(dict.fromkeys(counting, now_s))
                kept = sorted(
                    (key for key, at in seen.items() if now_s - at <= _FORGET_S),
                    key=lambda key: (-counting.get(key, 0), -seen[key]),
                )[:_MOST]
                self._seen[signal] = {key: seen[key] for key in kept}
                if span_s:
                    self._rates[signal] = {key: counting.get(key, 0) / span_s for key in kept}
                self._counting[signal] = {}
            self._read_at = now_s

    def answers(self, at: datetime, now_s: float | None = None) -> Mapping[str, Answer]:
        """Return the samples for a poll; none while the log is not read."""
        now_s = time.monotonic() if now_s is None else now_s
        with self._lock:
            if self._read_at is None or now_s - self._read_at > _STALE * self._every_s + 5:
                return {}
            return {signal: _answer(signal, rates, at) for signal, rates in self._rates.items()}


def _answer(signal: str, rates: Mapping[Key, float], at: datetime) -> Answer:
    last = "level" if signal == LINES else "template"
    labels = [
        {"service": service or host or "unknown", "host": host, last: value} for service, host, value in rates
    ]
    return Answer(at.timestamp(), labels, list(rates.values()))
