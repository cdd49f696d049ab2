"""The tokens and sessions of the store, held in memory until the store changes."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

from agent.errors import StoreError
from agent.records.tokens import Session, Token
from agent.response.token_actions import PREFIX
from agent.store import Database
from agent.store.tokens import TokenStore
from agent.web.access.tokensfile import FileTokens, digest_of

_NOBODY = "0" * 64


class Credentials:
    """Finds the token that a text is, and the session that a cookie holds.

    ``provisioned`` are the tokens of the file. Raises StoreUnavailable while the store cannot be read: nobody
    comes in by what was known before.
    """

    def __init__(self, tokens: TokenStore, database: Database, provisioned: FileTokens) -> None:
        self.provisioned = provisioned
        self._tokens = tokens
        self._database = database
        self._lock = threading.Lock()
        self._stamp: int | None = None
        self._digests: Mapping[str, tuple[str, Token]] = {}
        self._sessions: Mapping[str, Session] = {}
        self._used: dict[str, datetime] = {}

    def find(self, text: str, now: datetime) -> Token | None:
        """Return the token that a text is, if it is one that opens anything now."""
        self._refresh(now)
        prefix, _, rest = text.partition("_")
        token = self._issued(rest.partition("_")[0], text) if prefix == PREFIX else None
        token = token or self.provisioned.find(text)
        return self._valid(token, now)

    def session(self, cookie: str, now: datetime) -> tuple[Session, Token] | None:
        """Return the session of a cookie and the token that it was begun with, if both are good now."""
        self._refresh(now)
        session = self._sessions.get(digest_of(cookie))
        if session is None or session.expires_at <= now:
            return None
        held = self._digests.get(session.token_id)
        token = held[1] if held else self.provisioned.by_id(session.token_id)
        token = self._valid(token, now)
        return (session, token) if token else None

    def begin_session(self, token: Token, now: datetime, lasts: timedelta) -> str:
        """Begin a session with a token; return what the cookie is to hold."""
        cookie = secrets.token_urlsafe(32)
        until = min(now + lasts, token.expires_at) if token.expires_at else now + lasts
        session = Session(id=digest_of(cookie), token_id=token.id, created_at=now, expires_at=until)
        self._tokens.begin_session(session)
        return cookie

    def end_session(self, cookie: str) -> None:
        """End a session."""
        self._tokens.end_session(digest_of(cookie))

    def any_valid(self, now: datetime) -> bool:
        """Return whether there is any token that opens anything."""
        self._refresh(now)
        return len(self.provisioned) > 0 or any(token.is_valid(now) for _, token in self._digests.values())

    def keep_uses(self) -> None:
        """Write down which tokens were used since the last time. Raises StoreError."""
        with self._lock:
            used, self._used = self._used, {}
        if used:
            try:
                self._tokens.note_use(used)
            except StoreError:
                with self._lock:
                    self._used = {**used, **self._used}
                raise

    def _issued(self, token_id: str, text: str) -> Token | None:
        digest, token = self._digests.get(token_id, (_NOBODY, None))
        return token if hmac.compare_digest(digest, digest_of(text)) else None

    def _valid(self, token: Token | None, now: datetime) -> Token | None:
        if token is None or not token.is_valid(now):
            return None
        if token.id in self._digests:
            with self._lock:
                self._used[token.id] = now
        return token

    def _refresh(self, now: datetime) -> None:
        stamp = self._database.stamp()
        if stamp != self._stamp:
            self._digests, self._sessions = self._tokens.digests(), self._tokens.sessions(now)
            self._stamp = stamp
