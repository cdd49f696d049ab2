"""Bytes that are nearly JSON in, what they say out: one odd character must not cost everything beside it."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson


def parse_leniently(body: bytes) -> Any:
    """Return what JSON says, or None when it is none; also of what many writers take for JSON.

    That are halves of surrogate pairs, as lines that were cut off have them, bytes of another encoding, a
    byte order mark, and numbers that are none, which become null.

    >>> parse_leniently(b'{"a": NaN, "b": 1e400}'), parse_leniently(b"{")
    ({'a': None, 'b': None}, None)
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        text = body.decode("utf-8-sig", "replace")
        lenient = json.loads(text, parse_constant=lambda _: None, parse_float=_finite)
        return orjson.loads(json.dumps(lenient, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None
