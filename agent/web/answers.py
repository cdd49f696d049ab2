"""Records in, the answers of the API out: one envelope, an entity tag, headers that every answer has."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from fastapi import Request, Response

from agent.records.plain import to_plain

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Content:
    """What an answer says, written once: its JSON and the tag by which a client knows it again."""

    body: bytes
    tag: str

    @classmethod
    def of(cls, data: Any) -> Content:
        """Return records as content."""
        body = orjson.dumps(data, default=to_plain, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)
        return cls(body, f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"')


def success(
    request: Request, data: Any, status: int = 200, *, next_page: str | None = None, **headers: str
) -> Response:
    """Return records in the envelope, or 304 when the client has them already."""
    content = data if isinstance(data, Content) else Content.of(data)
    tags = {"ETag": content.tag} if status == 200 and request.method in ("GET", "HEAD") else {}
    if tags and content.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=tags)
    more = b""
    if next_page is not None:
        more = b',"next":' + orjson.dumps(next_page)
        tags["Link"] = f'<{next_page}>; rel="next"'
    body = b'{"status":"success","data":' + content.body + more + _timestamp(request) + b"}"
    return Response(body, status, {**tags, **headers}, JSON)


def failure(
    request: Request, status: int, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error in the envelope."""
    body = b'{"status":"error","message":' + orjson.dumps(message) + _timestamp(request) + b"}"
    return Response(body, status, dict(headers or {}), JSON)


def _timestamp(request: Request) -> bytes:
    now: datetime = request.app.state.parts.clock.now()
    return b',"timestamp":' + orjson.dumps(now, option=orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS)
