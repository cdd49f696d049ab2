"""What people say afterwards about what the agent saw, missed, or took a fault to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class FeedbackKind(StrEnum):
    """What is said.

    Of an incident: its diagnosis was right or wrong, it was another ``fault``, it was fixed by a
    ``remediation``, or by hand, by what the ``note`` holds. Of an anomaly: it was none. Of an entity:
    something was missed between ``since`` and ``until``.
    """

    RIGHT = "right"
    WRONG = "wrong"
    IT_WAS = "it_was"
    FIXED_BY = "fixed_by"
    BY_HAND = "by_hand"
    NO_ANOMALY = "no_anomaly"
    MISSED = "missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One thing that somebody said; nobody takes it back, a later one may contradict it.

    ``anomaly_id``, ``signal``, ``labels`` and ``layer`` are those of an anomaly, ``strength`` how many times
    as rare as asked it was.
    """

    kind: FeedbackKind
    author: str
    at: datetime
    note: str = ""
    id: int = 0  # given by the store
    incident_id: int | None = None
    fault: str = ""
    remediation: str = ""
    entity: str = ""
    anomaly_id: str = ""
    signal: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    layer: str = ""
    strength: float = 0.0
    since: datetime | None = None
    until: datetime | None = None
