"""Who issues tokens and takes them back: people whom the policy lets administer, and nobody else."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from agent.clock import Clock
from agent.errors import RefusedError
from agent.records import Person
from agent.records.tokens import Scope, Token
from agent.response.operator_actions import OperatorActions
from agent.store import Stores

PREFIX = "opsmend"


class TokenActions:
    """What people do with tokens. Every action raises RefusedError without the permission ``administer``."""

    def __init__(self, stores: Stores, operator_actions: OperatorActions, clock: Clock) -> None:
        self._stores = stores
        self._require = operator_actions.require
        self._clock = clock

    def issue(
        self,
        person: Person,
        stands_for: str,
        scope: Scope,
        role: str | None = None,
        expires_at: datetime | None = None,
        note: str = "",
    ) -> tuple[Token, str]:
        """Issue a token; return it and its text, which nobody can be told again."""
        self._require(person, "administer")
        now = self._clock.now()
        if expires_at is not None and expires_at <= now:
            raise RefusedError("a token that has expired already opens nothing")
        token_id = secrets.token_hex(4)
        text = f"{PREFIX}_{token_id}_{secrets.token_hex(24)}"
        token = Token(
            id=token_id,
            person=stands_for,
            scope=scope,
            role=role,
            note=note,
            created_at=now,
            created_by=person.name,
            expires_at=expires_at,
        )
        self._stores.tokens.add(token, hashlib.sha256(text.encode()).hexdigest(), now)
        return token, text

    def list(self, person: Person) -> list[Token]:
        """Return all tokens, the newest first."""
        self._require(person, "administer")
        return self._stores.tokens.list()

    def revoke(self, person: Person, token_id: str) -> Token:
        """Let a token open nothing any more. Raises NotFoundError."""
        self._require(person, "administer")
        return self._stores.tokens.revoke(token_id, person.name, self._clock.now())
