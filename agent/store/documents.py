"""Records in, JSON out, and back: the nested parts of a row."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import TypeAdapter


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def to_json(kind: Any, value: Any) -> str:
    """Return a record as JSON text."""
    return _adapter(kind).dump_json(value).decode()


def from_json(kind: Any, text: str) -> Any:
    """Return the record that JSON text holds."""
    return _adapter(kind).validate_json(text)
