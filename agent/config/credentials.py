"""The name of a credential file in, its secret out."""

from __future__ import annotations

from pathlib import Path

from agent.cleantext import remember_secret
from agent.errors import SourceRefused

_LONGEST = 64 * 1024


def read_credential(file: Path, setting: str) -> str:
    """Return a secret without the line end. Raises SourceRefused that names the setting."""
    try:
        with file.open(encoding="utf-8") as stream:
            secret = stream.read(_LONGEST).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is no text"
        raise SourceRefused(f"{file} cannot be read: {why} ({setting})") from error
    if not secret:
        raise SourceRefused(f"{file} is empty ({setting})")
    if any(ord(letter) < 32 for letter in secret):
        raise SourceRefused(f"{file} holds more than one line ({setting})")
    remember_secret(secret)
    return secret
