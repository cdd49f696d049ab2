"""Who calls: a token in, the person or program it stands for out."""

from __future__ import annotations

import base64
import hashlib
import hmac
import stat
from collections.abc import Mapping
from pathlib import Path

from agent.config.yamlfile import read_yaml
from agent.errors import ConfigError, Problem

_SHORTEST = 16


class Tokens:
    """The names that tokens stand for. Only digests are kept in memory."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._names = {_digest(token): name for name, token in tokens.items()}

    def name_of(self, authorization: str | None) -> str | None:
        """Return whom an Authorization header stands for, or None.

        The token is a bearer token, or the password of basic authorization, whatever the user's name.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() == "basic":
            token = _password(token)
        elif scheme.lower() != "bearer":
            return None
        if not token:
            return None
        given = _digest(token.strip())
        found = None
        for known, name in self._names.items():  # all of them, whatever fits: time must not tell
            if hmac.compare_digest(known, given):
                found = name
        return found


def load_tokens(file: Path | None) -> Tokens:
    """Read the tokens file, ``name: token`` a line. Raises ConfigError."""
    if file is None:
        return Tokens({})
    document = read_yaml(file)
    problems: list[Problem] = []
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        problems.append(Problem(file, "can be read by others", hint="chmod 600"))
    data = document.data if document.data is not None else {}
    if not isinstance(data, dict):
        raise ConfigError([Problem(file, "is no mapping of names to tokens", 1)])
    for name, token in data.items():
        if not isinstance(token, str) or len(token) < _SHORTEST:
            problems.append(document.problem((name,), f"needs a token of at least {_SHORTEST} characters"))
    if problems:
        raise ConfigError(problems)
    return Tokens(data)


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
