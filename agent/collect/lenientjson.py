"""Bytes that are nearly JSON in, what they say out: one odd character must not cost everything beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import orjson

Pairs = Callable[[list[tuple[str, Any]]], Any]


def parse_leniently(body: bytes, pairs: Pairs | None = None) -> Any:
    """Return what JSON says, or None when it is none; also of what many writers take for JSON.

    That are halves of surrogate pairs, as lines that were cut off have them, bytes of another encoding, a
    byte order mark, and numbers that are none, which become null. ``pairs`` makes an object of its keys and
    values.

    >>> parse_leniently(b'{"a": NaN, "b": 1e400}'), parse_leniently(b"{")
    ({'a': None, 'b': None}, None)
    """
    if pairs is None:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass
    try:
        text = body.decode("utf-8-sig", "replace")
        lenient = json.loads(
            text, parse_constant=lambda _: None, parse_float=_finite, object_pairs_hook=pairs
        )
        return orjson.loads(json.dumps(lenient, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON, as a hook of ``json.loads``. Raises json.JSONDecodeError for a repeated key.

    What readers of such a body take for its content differs.
    """
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise json.JSONDecodeError(f"the key {key[:80]!r} stands there twice", "", 0)
        found[key] = value
    return found


def null_if_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any] | None:
    """Return an object of JSON, or None where it names a key twice, for ``parse_leniently``."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else None


def repeated_key(body: bytes) -> str:
    """Return what is wrong when an object in a body names a key twice, else ''.

    >>> repeated_key(b'[{"a": 1, "b": {"a": 2, "a": 3}}]'), repeated_key(b'{"a": 1}')
    ("the key 'a' stands there twice", '')
    """
    try:
        text = body.decode("utf-8-sig", "replace")
        # numbers as they stand: one of thousands of digits is refused by int()
        json.loads(text, object_pairs_hook=unrepeated, parse_int=str)
    except json.JSONDecodeError as error:
        return error.msg
    except RecursionError:
        return "it is nested too deep to tell"
    return ""


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None
