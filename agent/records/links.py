"""A link by which one person may answer one request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionLink:
    """Who may answer what by it, and how long. It is of no use once the request has been answered."""

    id: str  # a digest: what the link holds nobody keeps
    person: str
    incident_id: int
    approval_id: int
    created_at: datetime
    expires_at: datetime
