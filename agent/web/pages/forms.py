"""What a form of a page holds: read as the browser sends it, with the proof that it is from our own page."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from fastapi import HTTPException, Request

from agent.web.access import Gate

_LARGEST = 20_000


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form. Raises HTTPException 403 when it came from elsewhere, 413, 422."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise HTTPException(422, "a form is wanted: application/x-www-form-urlencoded")
    body = await request.body()
    if len(body) > _LARGEST:
        raise HTTPException(413, f"a form may have {_LARGEST} bytes")
    try:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=50))
    except ValueError as error:
        raise HTTPException(422, f"the form cannot be read: {error}") from error
    gate: Gate = request.app.state.gate
    caller = getattr(request.state, "caller", None)
    if caller is not None:
        gate.check_csrf(caller, fields.get("csrf", ""))
    return fields
