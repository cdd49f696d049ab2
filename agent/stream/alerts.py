"""Bodies of alert webhooks in, alerts kept; and what senders leave out or end without proof is looked after.

A sender that cuts a group off tells how many alerts it left out: they are asked of the source of metrics,
which knows them as ``ALERTS``. An alert that ends because its target is not scraped any more has not been
seen to end.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from agent.collect.alertmanager import Webhook, fingerprint_of, parse_webhook
from agent.collect.base import Answer
from agent.errors import AnswerError, SourceError
from agent.instance import with_host
from agent.log import Logger
from agent.metrics import ALERTS
from agent.placeholders import promql_escape, re2_escape
from agent.records import Alert, Frame
from agent.store import AlertStore

log = Logger("alerts")

_ASK_EVERY_S = 10.0
_LOOK_BACK = timedelta(minutes=10)
_TARGETS = "exporter_up"  # the signal that says which targets are scraped
_MOST_GROUPS = 100
_LABEL = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_]*$")
_ASKED = "asked of ALERTS, for its sender left it out"

Group = frozenset[tuple[str, str]]


class Source(Protocol):
    """What answers PromQL."""

    def query(self, expression: str, at: datetime | None = None) -> Answer:
        """Evaluate an expression. Raises SourceError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What became of one body."""

    taken: int
    new: int
    refused: int
    truncated: int


class AlertIntake:
    """Takes alerts in. Safe to use from several threads."""

    def __init__(self, store: AlertStore, replica_labels: Collection[str], source: Source) -> None:
        self._store = store
        self._replica_labels = frozenset(replica_labels)
        self._source = source
        self._lock = threading.Lock()
        self._counts = {"refused": 0, "truncated": 0}
        self._last = ""
        self._cut_off: dict[Group, int] = {}
        self._asked_at = -_ASK_EVERY_S
        self._asked: dict[str, Alert] = {}
        self._why_not = ""
        self._looked_at: datetime | None = None

    def take(self, body: bytes, actor: str, now: datetime) -> Intake:
        """Keep the alerts of a webhook; what is refused is counted and said.

        Raises AnswerError when the body is no webhook, StoreError when the alerts cannot be kept.
        """
        webhook = parse_webhook(body, now, self._replica_labels)
        taken = self._store.take(webhook.alerts, actor, now)
        refused = [*webhook.refused]
        if taken.refused:
            refused.append(f"{taken.refused} alerts: too many fire already")
        self._note(webhook, refused, actor)
        ALERTS.labels("changed").inc(taken.changed)
        ALERTS.labels("known").inc(len(webhook.alerts) - taken.changed - taken.refused)
        return Intake(
            taken=len(webhook.alerts) - taken.refused,
            new=taken.changed,
            refused=len(webhook.refused) + taken.refused,
            truncated=webhook.truncated,
        )

    @property
    def whole(self) -> bool:
        """Return whether all alerts that fire are known: none was left out that could not be asked for."""
        return not self._cut_off or not self._why_not

    def status(self) -> Mapping[str, Any]:
        """Return what was refused or left out so far."""
        return {**self._counts, "last_refused": self._last, "incomplete": "" if self.whole else self._why_not}

    def ask_for_rest(self, now: datetime) -> None:
        """Ask the source of metrics for alerts of groups that were cut off. Raises StoreError."""
        with self._lock:
            due = time.monotonic() - self._asked_at >= _ASK_EVERY_S
            groups = list(self._cut_off)
            if not (groups or self._asked) or not due:
                return
            self._asked_at = time.monotonic()
        try:
            found = {one.fingerprint: one for group in groups for one in self._ask(group, now)}
        except SourceError as error:
            self._complain(str(error))
            return
        self._complain("")
        firing = self._store.firing()
        new = [one for one in found.values() if not _is_known(one, firing)]
        ended = [_ended(one, now) for key, one in self._asked.items() if key not in found]
        self._store.take([*new, *ended], "prometheus", now)
        self._asked = {
            one.fingerprint: one for one in (*new, *self._asked.values()) if one.fingerprint in found
        }

    def doubt_ends(self, frame: Frame) -> None:
        """Note which alerts have ended only because their target is not scraped. Raises StoreError."""
        if not frame.is_whole(_TARGETS):
            return  # nobody can tell: they are looked at with the next frame
        start = self._looked_at or frame.at - _LOOK_BACK
        up = {
            frame.series[row].labels.get("instance")
            for row in frame.rows[_TARGETS]
            if frame.latest[row] > 0.5
        }
        ended = self._store.resolved_since(start - _LOOK_BACK)
        doubted = [one for one in ended if one.labels.get("instance") and one.labels["instance"] not in up]
        if doubted:
            self._store.doubt(doubted)
        self._looked_at = frame.at

    def _note(self, webhook: Webhook, refused: Iterable[str], actor: str) -> None:
        group: Group = frozenset(webhook.group.items())
        with self._lock:
            if webhook.truncated and len(self._cut_off) < _MOST_GROUPS:
                self._cut_off[group] = webhook.truncated
                self._asked_at = -_ASK_EVERY_S
                self._why_not = self._why_not or "alerts that were left out are being asked for"
            elif not webhook.truncated:
                self._cut_off.pop(group, None)
        if webhook.tests:
            ALERTS.labels("test").inc(webhook.tests)
            log.info("a test of the sender's was taken", sender=actor)
        if webhook.truncated:
            self._counts["truncated"] += webhook.truncated
            ALERTS.labels("truncated").inc(webhook.truncated)
            log.warning("alerts were left out by their sender", sender=actor, alerts=webhook.truncated)
        for why in refused:
            self._counts["refused"] += 1
            self._last = why
            ALERTS.labels("refused").inc()
            log.warning("alert refused", sender=actor, why=why)

    def _ask(self, group: Group, now: datetime) -> list[Alert]:
        # what senders add to labels, such as the name of a cluster, ALERTS does not have
        matchers = [
            f'{name}=~"({promql_escape(re2_escape(value))})?"'
            for name, value in sorted(group)
            if _LABEL.match(name) and name not in self._replica_labels
        ]
        answer = self._source.query("ALERTS{" + ",".join(['alertstate="firing"', *matchers]) + "}")
        if answer.partial:
            raise AnswerError(answer.partial)
        return [self._to_alert(labels, now) for labels in answer.labels]

    def _to_alert(self, labels: Mapping[str, str], now: datetime) -> Alert:
        own = {name: value for name, value in labels.items() if name not in ("__name__", "alertstate")}
        return Alert(
            fingerprint=fingerprint_of(own, self._replica_labels),
            name=own.get("alertname", ""),
            labels=with_host(own),
            annotations={"opsmend": _ASKED},
            starts_at=now,
            received_at=now,
        )

    def _complain(self, why: str) -> None:
        if why and why != self._why_not:
            log.error("alerts that were left out cannot be asked for", why=why)
        self._why_not = why


def _is_known(asked: Alert, firing: Iterable[Alert]) -> bool:
    """Return whether an alert fires that is the same; senders add labels of their Prometheus."""
    return any(one.name == asked.name and asked.labels.items() <= one.labels.items() for one in firing)


def _ended(alert: Alert, now: datetime) -> Alert:
    return Alert(
        fingerprint=alert.fingerprint,
        name=alert.name,
        labels=alert.labels,
        annotations=alert.annotations,
        starts_at=alert.starts_at,
        received_at=now,
        resolved_at=now,
    )
