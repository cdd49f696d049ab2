"""The body of an alert webhook in, alerts out; what is none is told apart, and takes no other with it.

Alertmanager and Grafana repeat no delivery that was answered with 4xx: whatever of a body can be read is
read, alert by alert, and texts are cut rather than refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from agent.collect.lenientjson import null_if_repeated, parse_leniently, repeated_key
from agent.errors import AnswerError
from agent.instance import with_host
from agent.records import Alert

_VERSIONS = ("4", "1")  # of Alertmanager; of Grafana
_MOST_ALERTS = 10_000
_MOST_LABELS = 256
_MOST_TOLD = 10**9  # alerts that a sender says it left out
_LONGEST_NAME = 256
_LONGEST_LABEL = 1024
_LONGEST_ANNOTATION = 4096
_FINGERPRINT = re.compile(r"^[0-9a-zA-Z]{1,64}$")
_AHEAD = timedelta(minutes=5)  # a sender's clock may be this fast
_NO_TIME = datetime(1971, 1, 1, tzinfo=UTC)  # Go writes year 1 for "not yet", others zero
_TEST_OF_GRAFANA = {"alertname": "TestAlert", "instance": "Grafana"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """What a body holds: alerts, why others were refused, and how many the sender has left out.

    ``group`` are the labels that all alerts of the body have, also those left out.
    """

    alerts: Sequence[Alert]
    refused: Sequence[str] = ()
    tests: int = 0
    truncated: int = 0
    group: Mapping[str, str] = field(default_factory=dict)


class _NoAlert(Exception):
    """The text says why."""


def parse_webhook(body: bytes, now: datetime, replica_labels: Collection[str] = ()) -> Webhook:
    """Return what a webhook of Alertmanager or Grafana holds. Raises AnswerError when it is none.

    Alerts that differ in ``replica_labels`` only are one.
    """
    document = parse_leniently(body)
    if document is None:
        raise AnswerError("the body is no JSON")
    if twice := repeated_key(body):
        document = parse_leniently(body, null_if_repeated)
        if document is None:
            raise AnswerError(f"the body is JSON that can be read in two ways: {twice}")
    found = document.get("alerts") if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise AnswerError("the body is no Alertmanager webhook: it has no list of alerts")
    if str(document.get("version") or _VERSIONS[0]) not in _VERSIONS:
        raise AnswerError(f"the body is no Alertmanager webhook of version {' or '.join(_VERSIONS)}")
    alerts: list[Alert] = []
    refused: list[str] = []
    tests = 0
    for place, one in enumerate(found[:_MOST_ALERTS]):
        if _is_test(one):
            tests += 1
            continue
        try:
            alerts.append(_to_alert(one, now, replica_labels))
        except _NoAlert as why:
            refused.append(f"alert {place + 1} of {len(found)} {why}{f' ({twice})' if twice else ''}")
    if refused and not (alerts or tests):
        raise AnswerError(f"the body is no Alertmanager webhook: {refused[0]}")
    if len(found) > _MOST_ALERTS:
        refused.append(f"{len(found) - _MOST_ALERTS} alerts, for at most {_MOST_ALERTS} are read at once")
    return Webhook(
        alerts=alerts,
        refused=tuple(refused),
        tests=tests,
        truncated=_count(document.get("truncatedAlerts")),
        group=_texts(document.get("groupLabels"), _LONGEST_LABEL),
    )


def fingerprint_of(labels: Mapping[str, str], replica_labels: Collection[str] = ()) -> str:
    """Return what tells an alert from others, whichever replica sends it."""
    own = {name: value for name, value in labels.items() if name not in replica_labels}
    return hashlib.sha256(orjson.dumps(own, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _to_alert(alert: Any, now: datetime, replica_labels: Collection[str]) -> Alert:
    if not isinstance(alert, dict):
        raise _NoAlert("is no object")
    status = alert.get("status")
    if status not in ("firing", "resolved"):
        raise _NoAlert("has a status that is neither firing nor resolved")
    said: Any = alert.get("labels") or {}
    labels = _texts(said, _LONGEST_LABEL)
    if not labels:
        raise _NoAlert("has no labels")
    if not all(isinstance(value, str) for value in said.values()):
        raise _NoAlert("has a label that is no text")
    starts_at = alert.get("startsAt")
    if isinstance(starts_at, str) and not _is_time(starts_at):
        raise _NoAlert("has a startsAt that is no time")
    given = alert.get("fingerprint")
    replicated = any(name in labels for name in replica_labels)
    known = isinstance(given, str) and _FINGERPRINT.match(given) and not replicated
    begins = min(_moment(starts_at) or now, now + _AHEAD)
    ends = min(max(_moment(alert.get("endsAt")) or now, begins), now + _AHEAD)
    return Alert(
        fingerprint=str(given) if known else fingerprint_of(said, replica_labels),
        name=labels.get("alertname", ""),
        labels=with_host(labels),
        annotations=_texts(alert.get("annotations"), _LONGEST_ANNOTATION),
        starts_at=begins,
        received_at=now,
        resolved_at=ends if status == "resolved" else None,
    )


def _is_test(alert: Any) -> bool:
    labels = alert.get("labels") if isinstance(alert, dict) else None
    return isinstance(labels, dict) and all(labels.get(k) == v for k, v in _TEST_OF_GRAFANA.items())


def _texts(values: Any, longest: int) -> dict[str, str]:
    """Return what a mapping says in plain values, cut; what has no value is left out."""
    if not isinstance(values, dict):
        return {}
    texts: dict[str, str] = {}
    for name, value in values.items():
        if len(texts) >= _MOST_LABELS:
            break
        if isinstance(value, str | int | float | bool) and value != "":
            text = str(value)
            texts[name[:_LONGEST_NAME]] = text if len(text) <= longest else text[: longest - 1] + "…"
    return texts


def _moment(value: Any) -> datetime | None:
    """Return a time, or None for what is none: a text of another kind, the year 1, zero."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment >= _NO_TIME else None


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _count(value: Any) -> int:
    """Return a number of alerts, however it is written; what is none is 0."""
    try:
        return 0 if isinstance(value, bool) else min(max(int(float(value)), 0), _MOST_TOLD)
    except (TypeError, ValueError, OverflowError):
        return 0
