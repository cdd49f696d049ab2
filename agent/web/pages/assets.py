"""Style, script and icon of the pages, read once."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response

from agent.errors import NotFoundError
from agent.web.access import GuardedRoute, public

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

_FOLDER = Path(__file__).parents[1] / "static"
_KINDS = {
    "opsmend.css": "text/css; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@router.get("/static/{name}", **public())
async def asset(request: Request, name: str) -> Response:
    """Return one of the files."""
    if name not in _KINDS:
        raise NotFoundError(f"there is nothing at {request.url.path}")
    content, tag = _read(name)
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=_KINDS[name])


@cache
def _read(name: str) -> tuple[bytes, str]:
    content = (_FOLDER / name).read_bytes()
    return content, f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
