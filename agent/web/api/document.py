"""The OpenAPI document: what can be asked, and what is answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response

from agent.records.tokens import Scope
from agent.web.access import GuardedRoute, needs
from agent.web.answers import Content

EXAMPLES = Path(__file__).with_name("examples.json")
"""What each operation answered once, by operation and status."""

router = APIRouter(route_class=GuardedRoute)

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token of `opsmend tokens new`."},
    "basic": {"type": "http", "scheme": "basic", "description": "The token as the password, for any user."},
}


@router.get("/openapi.json", include_in_schema=False, **needs(Scope.LOOK))
def openapi(request: Request) -> Response:
    """Return the document."""
    return Response(Content.of(document_of(request.app)).body, media_type="application/json")


def document_of(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of the application."""
    document = app.openapi()
    document.setdefault("components", {})["securitySchemes"] = _SCHEMES
    _write_spans_in_seconds(document)
    _put_examples(document)
    return document


def _put_examples(document: dict[str, Any]) -> None:
    for operation, answers in json.loads(EXAMPLES.read_text(encoding="utf-8")).items():
        method, _, path = operation.partition(" ")
        for status, shown in answers.items():
            content = document["paths"][path][method]["responses"][status]["content"]
            content["application/json"]["example"] = shown


def _write_spans_in_seconds(schema: Any) -> None:
    """Say of spans what they are in answers: a number of seconds."""
    if isinstance(schema, list):
        for one in schema:
            _write_spans_in_seconds(one)
    elif isinstance(schema, dict):
        if schema.get("format") == "duration":
            del schema["format"]
            schema.pop("default", None)
            schema.update(type="number", description="seconds")
        for one in schema.values():
            _write_spans_in_seconds(one)
