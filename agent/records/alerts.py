"""What arrives by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert of an Alertmanager, or of what speaks its webhook.

    ``labels`` holds a derived ``host`` where it can be told. ``resolved_at`` is None while it fires.
    """

    fingerprint: str
    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    received_at: datetime
    resolved_at: datetime | None = None
