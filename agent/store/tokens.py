"""Tokens that were issued, by the digest of each, and the sessions of those who signed in with one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Row

from agent.errors import NotFoundError
from agent.records.tokens import Scope, Session, Token
from agent.store.audit import append
from agent.store.engine import Database
from agent.store.schema import sessions, tokens


class TokenStore:
    """Keeps tokens and sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, token: Token, digest: str, now: datetime) -> None:
        """Keep a new token."""
        values = {
            "id": token.id,
            "digest": digest,
            "person": token.person,
            "scope": token.scope.value,
            "role": token.role,
            "note": token.note,
            "created_at": now,
            "created_by": token.created_by,
            "expires_at": token.expires_at,
        }
        told = {"person": token.person, "scope": token.scope.value, "role": token.role}
        with self._database.transaction() as connection:
            connection.execute(insert(tokens).values(**values))
            append(connection, now, token.created_by, "token issued", f"token {token.id}", told)

    def list(self) -> list[Token]:
        """Return all tokens, the newest first, those that are no good any more among them."""
        with self._database.reading() as connection:
            rows = connection.execute(select(tokens).order_by(tokens.c.created_at.desc(), tokens.c.id))
            return [_to_token(row) for row in rows]

    def any_for(self, needed: Scope, now: datetime) -> bool:
        """Return whether a token is good for what needs a scope."""
        return any(one.is_valid(now) and one.scope.reaches(needed) for _, one in self.digests().values())

    def digests(self) -> Mapping[str, tuple[str, Token]]:
        """Return by its id the digest of every token that was not revoked, and the token."""
        query = select(tokens).where(tokens.c.revoked_at.is_(None))
        with self._database.reading() as connection:
            return {row.id: (row.digest, _to_token(row)) for row in connection.execute(query)}

    def revoke(self, token_id: str, actor: str, now: datetime) -> Token:
        """Let a token open nothing from now on, nor the sessions begun with it. Raises NotFoundError."""
        mine = tokens.c.id == token_id
        with self._database.transaction() as connection:
            row = connection.execute(select(tokens).where(mine)).first()
            if row is None:
                raise NotFoundError(f"there is no token {token_id}")
            if row.revoked_at is None:
                connection.execute(update(tokens).where(mine).values(revoked_at=now))
                connection.execute(delete(sessions).where(sessions.c.token_id == token_id))
                append(connection, now, actor, "token revoked", f"token {token_id}", {"person": row.person})
            return _to_token(connection.execute(select(tokens).where(mine)).one())

    def note_use(self, used: Mapping[str, datetime]) -> None:
        """Keep when tokens were used last, by their ids."""
        with self._database.transaction() as connection:
            for token_id, at in used.items():
                connection.execute(update(tokens).where(tokens.c.id == token_id).values(last_used_at=at))

    def begin_session(self, session: Session) -> None:
        """Keep a session; those that are over are forgotten."""
        with self._database.transaction() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_at <= session.created_at))
            connection.execute(
                insert(sessions).values(
                    id=session.id,
                    token_id=session.token_id,
                    created_at=session.created_at,
                    expires_at=session.expires_at,
                )
            )

    def end_session(self, session_id: str) -> None:
        """Forget a session."""
        with self._database.transaction() as connection:
            connection.execute(delete(sessions).where(sessions.c.id == session_id))

    def sessions(self, now: datetime) -> Mapping[str, Session]:
        """Return by their ids the sessions that are not over."""
        query = select(sessions).where(sessions.c.expires_at > now)
        with self._database.reading() as connection:
            return {row.id: _to_session(row) for row in connection.execute(query)}


def _to_token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        person=row.person,
        scope=Scope(row.scope),
        role=row.role,
        note=row.note,
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


def _to_session(row: Row[Any]) -> Session:
    return Session(id=row.id, token_id=row.token_id, created_at=row.created_at, expires_at=row.expires_at)
