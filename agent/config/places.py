"""The paths of settings: each is resolved once, when the settings are read, by the type of its field.

What is checked is then what is used: no part of the agent looks a path up in its own way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ValidationInfo

_BASE, _CREDENTIALS = "base", "credentials"


def places(base: Path, credentials: str | None) -> Mapping[str, Any]:
    """Return what validation has to know: where relative paths count from, and systemd's credentials."""
    return {_BASE: base, _CREDENTIALS: Path(credentials) if credentials else None}


def _credentials() -> Path | None:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) if folder else None


def _locate(path: Path, info: ValidationInfo) -> Path:
    base = (info.context or {}).get(_BASE)
    return path if path.is_absolute() or base is None else (base / path).resolve()


def _locate_file(path: Path, info: ValidationInfo) -> Path:
    given = info.context if info.context is not None else {_CREDENTIALS: _credentials()}
    credentials = given.get(_CREDENTIALS)
    if credentials is not None and not path.is_absolute() and (credentials / path).is_file():
        return Path(credentials / path)
    return _locate(path, info)


Place = Annotated[Path, AfterValidator(_locate)]
"""A file or folder; a relative path counts from the folder of the settings."""

InputFile = Annotated[Path, AfterValidator(_locate_file)]
"""A file that the agent reads: a secret, a certificate. A relative name is looked up in systemd's credentials
folder (LoadCredential=) first. Its field's name ends with ``_file``."""


def files_of(section: BaseModel, key: str = "") -> Iterator[tuple[str, Path]]:
    """Yield the files that settings name for the agent to read, each with its key."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        own = f"{key}.{name}" if key else name
        if isinstance(value, BaseModel):
            yield from files_of(value, own)
        elif isinstance(value, Mapping):
            for entry, inner in value.items():
                if isinstance(inner, BaseModel):
                    yield from files_of(inner, f"{own}.{entry}")
        elif isinstance(value, Path) and (name.endswith("_file") or name == "classifier"):
            yield own, value
