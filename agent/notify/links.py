"""A request and the one person who reads a target in, the address out by which this person may answer it."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from agent.records import Approval
from agent.records.links import DecisionLink
from agent.store.links import LinkStore

PATH = "/answer/"


def make_link(links: LinkStore, approval: Approval, person: str, public_url: str, now: datetime) -> str:
    """Return an address that is good for one person and one request, as long as that is open."""
    secret = secrets.token_urlsafe(32)
    links.add(
        DecisionLink(
            id=link_id(secret),
            person=person,
            incident_id=approval.incident_id,
            approval_id=approval.id,
            created_at=now,
            expires_at=approval.expires_at,
        )
    )
    return f"{public_url.rstrip('/')}{PATH}{secret}"


def link_id(secret: str) -> str:
    """Return by what a link is kept."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
