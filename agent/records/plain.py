"""Records in, what JSON can hold out."""

from __future__ import annotations

import dataclasses
import os
from datetime import timedelta
from typing import Any


def to_plain(value: Any) -> Any:
    """Return a value that a JSON writer does not know as one it knows. Raises TypeError."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(f"cannot be written as JSON: {type(value).__name__}")
