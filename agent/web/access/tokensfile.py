"""The tokens that an operator provisions in a file: whom each stands for, kept in memory as digests."""

from __future__ import annotations

import hashlib
import hmac
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError, model_validator

from agent.config.scalars import Identifier
from agent.config.yamlfile import Document, Strict, read_yaml
from agent.errors import ConfigError, Problem
from agent.records.tokens import Scope, Token

_SHORTEST = 16
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ProvisionedToken(Strict):
    """One entry of the file: the token itself, or better its SHA-256, and how far it reaches."""

    token: str | None = Field(default=None, min_length=_SHORTEST)
    sha256: _Digest | None = None
    scope: Scope = Scope.ADMIN
    role: Identifier | None = None
    expires: AwareDatetime | None = None

    @model_validator(mode="after")
    def _one_of(self) -> ProvisionedToken:
        if (self.token is None) == (self.sha256 is None):
            raise ValueError("needs 'token' or 'sha256'")
        return self


class FileTokens:
    """The tokens of the file."""

    def __init__(self, tokens: Mapping[str, Token] | None = None) -> None:
        self._tokens = dict(tokens or {})

    def __len__(self) -> int:
        return len(self._tokens)

    def find(self, text: str) -> Token | None:
        """Return the token that a text is, or None."""
        given = digest_of(text)
        found = None
        for digest, token in self._tokens.items():  # all of them, whatever fits: time must not tell
            if hmac.compare_digest(digest, given):
                found = token
        return found

    def by_id(self, token_id: str) -> Token | None:
        """Return a token by its id, ``file:NAME``."""
        return next((one for one in self._tokens.values() if one.id == token_id), None)


def load_tokens(file: Path | None) -> FileTokens:
    """Read the file, ``name: token`` or ``name: {sha256, scope, role, expires}``. Raises ConfigError."""
    if file is None:
        return FileTokens()
    document = read_yaml(file)
    problems: list[Problem] = []
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        problems.append(Problem(file, "can be read by others", hint="chmod 600"))
    data = document.data if document.data is not None else {}
    if not isinstance(data, dict):
        raise ConfigError([Problem(file, "is no mapping of names to tokens", 1)])
    tokens: dict[str, Token] = {}
    for name, value in data.items():
        entry = _entry(document, name, value, problems)
        if entry is None:
            continue
        digest = entry.sha256 or digest_of(entry.token or "")
        if digest in tokens:
            problems.append(document.problem((name,), f"has the same token as {tokens[digest].person}"))
        tokens[digest] = Token(
            id=f"file:{name}",
            person=str(name),
            scope=entry.scope,
            role=entry.role,
            expires_at=entry.expires.astimezone(UTC) if entry.expires else None,
            created_at=datetime.fromtimestamp(file.stat().st_mtime, UTC),
        )
    if problems:
        raise ConfigError(problems)
    return FileTokens(tokens)


def digest_of(text: str) -> str:
    """Return the SHA-256 of a token, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _entry(document: Document, name: Any, value: Any, problems: list[Problem]) -> ProvisionedToken | None:
    if not isinstance(value, dict):
        if not isinstance(value, str) or len(value) < _SHORTEST:
            problems.append(document.problem((name,), f"needs a token of at least {_SHORTEST} characters"))
            return None
        return ProvisionedToken(token=value)
    try:
        return TypeAdapter(ProvisionedToken).validate_python(value)
    except ValidationError as error:
        for one in error.errors(include_input=False, include_url=False):
            said = one["msg"].removeprefix("Value error, ")
            problems.append(document.problem((name, *one["loc"]), said))
        return None
