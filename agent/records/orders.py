"""Remediations that a program ordered: under which key, for what, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RemediationOrder:
    """One order. ``request_id`` is the request to run that it became, ``refusal`` why it became none.

    ``key`` is what its owner calls it: the same key within a day is the same order. ``digest`` is of what
    was asked for under it.
    """

    id: int
    owner: str
    key: str | None
    digest: str
    at: datetime
    incident_id: int | None
    remediation: str
    request_id: int | None
    refusal: str
