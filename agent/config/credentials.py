"""The name of a credential file in, its secret out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from agent.errors import SourceRefused

_LONGEST = 64 * 1024


def credential_path(file: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Return where a credential is: as given, or in systemd's credentials folder."""
    folder = environment.get("CREDENTIALS_DIRECTORY")
    return Path(folder) / file if folder and not file.is_absolute() else file


def read_credential(file: Path, setting: str) -> str:
    """Return a secret without the line end. Raises SourceRefused that names the setting."""
    path = credential_path(file)
    try:
        with path.open(encoding="utf-8") as stream:
            secret = stream.read(_LONGEST).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is no text"
        raise SourceRefused(f"{path} cannot be read: {why} ({setting})") from error
    if not secret:
        raise SourceRefused(f"{path} is empty ({setting})")
    if any(ord(letter) < 32 for letter in secret):
        raise SourceRefused(f"{path} holds more than one line ({setting})")
    return secret
