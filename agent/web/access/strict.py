"""A request whose JSON is read as the standard has it: UTF-8, no NaN, no key twice, not endlessly deep."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson
from fastapi import HTTPException, Request

from agent.collect.lenientjson import unrepeated

_KEY = re.compile(rb'"([\w. -]{1,80})"\s*:')
_DEEPEST = 64
_LARGEST = 256 * 1024


class StrictRequest(Request):
    """Reads its body strictly. What is wrong raises json.JSONDecodeError, which is answered with 422."""

    async def json(self) -> Any:
        """Return the body."""
        if not hasattr(self, "_json"):
            body = await self.body()
            if len(body) > _LARGEST:
                raise HTTPException(413, f"a body of JSON may have {_LARGEST} bytes here")
            self._json = parse_strictly(body)
        return self._json


def parse_strictly(body: bytes) -> Any:
    """Return what a JSON text holds. Raises json.JSONDecodeError.

    >>> parse_strictly(b'{"a": 1, "a": 2}')
    Traceback (most recent call last):
    json.decoder.JSONDecodeError: the key 'a' stands there twice: line 1 column 1 (char 0)
    """
    _check_depth(body)
    try:
        orjson.loads(body)  # knows what is UTF-8 and a number; the standard library is lax about both
    except json.JSONDecodeError as error:
        raise _with_key(error, body) from None
    return json.loads(body, object_pairs_hook=unrepeated)


def _with_key(error: json.JSONDecodeError, body: bytes) -> json.JSONDecodeError:
    """Return the error with the last key that stands before it: whose value it is about, most often."""
    *_, key = _KEY.findall(body[: error.pos]) or [b""]
    near = f" after the key '{key.decode('ascii', 'replace')}'" if key else ""
    return json.JSONDecodeError(f"{error.msg}{near}", "", error.pos)


def _check_depth(body: bytes) -> None:
    depth, inside, escaped = 0, False, False
    for place, byte in enumerate(body):
        if inside:
            inside = escaped or byte != 0x22
            escaped = byte == 0x5C and not escaped
        elif byte == 0x22:
            inside = True
        elif byte in b"[{":
            depth += 1
            if depth > _DEEPEST:
                raise json.JSONDecodeError(f"more than {_DEEPEST} levels deep", "", place)
        elif byte in b"]}":
            depth -= 1
