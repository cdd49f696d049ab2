"""Credentials of people and programs: whom a token stands for, and how far it reaches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Scope(StrEnum):
    """How far a credential reaches at most; what a person may do within it, the policy says."""

    LOOK = "look"
    ALERT = "alert"
    DECIDE = "decide"
    ADMIN = "admin"

    def reaches(self, needed: Scope) -> bool:
        """Return whether a credential of this scope is good for what needs another: admin for everything."""
        return needed in _REACH[self]


_REACH: dict[Scope, frozenset[Scope]] = {
    Scope.LOOK: frozenset({Scope.LOOK}),
    Scope.ALERT: frozenset({Scope.ALERT}),
    Scope.DECIDE: frozenset({Scope.LOOK, Scope.DECIDE}),
    Scope.ADMIN: frozenset(Scope),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token. What it is itself nobody keeps, only its digest.

    ``person`` is whom it stands for: the name that the policy and the audit log know. ``role`` is a role of
    the policy that it acts in beside what the name has. ``expires_at`` is None where it never does.
    """

    id: str
    person: str
    scope: Scope
    role: str | None = None
    note: str = ""
    created_at: datetime | None = None
    created_by: str = ""
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Return whether it opens anything at this time."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who signed in with a browser. ``token_id`` is the token that they did it with."""

    id: str  # a digest: what the cookie holds nobody keeps
    token_id: str
    created_at: datetime
    expires_at: datetime
