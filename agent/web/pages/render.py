"""A template and what it shows in, a page out, with what every page has: who looks, how the agent is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from agent.cleantext import clean
from agent.quantity import format_quantity, span_in_words
from agent.web.pages.looks import LABELS, TONES
from agent.web.parts import Parts

_NAVIGATION = (
    ("/", "Now"),
    ("/incidents", "Incidents"),
    ("/anomalies", "Anomalies"),
    ("/forecasts", "Forecasts"),
    ("/remediations", "Remediations"),
    ("/patterns", "Patterns"),
    ("/models", "Models"),
    ("/audit", "Audit"),
    ("/settings", "Settings"),
)


def page(request: Request, template: str, status: int = 200, **shown: Any) -> Response:
    """Return a page. Every value is escaped: titles, labels and comments come from strangers."""
    parts: Parts = request.app.state.parts
    caller = getattr(request.state, "caller", None)
    now = parts.clock.now()
    html = (
        _environment()
        .get_template(template)
        .render(
            **shown,
            now=now,
            path=request.url.path,
            navigation=_NAVIGATION,
            name=parts.name,
            caller=caller,
            csrf=request.app.state.gate.csrf_token(caller) if caller is not None else "",
        )
    )
    return Response(html, status, media_type="text/html; charset=utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("agent.web"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["span"] = span_in_words
    environment.filters["quantity"] = format_quantity
    environment.filters["clock"] = _clock
    environment.filters["when"] = _when
    environment.filters["words"] = _words
    environment.filters["iso"] = _iso
    tables: Mapping[str, Any] = {"LABELS": LABELS, "TONES": TONES}
    environment.globals.update(tables)
    return environment


def _shown(value: object) -> object:
    """Return what a page shows of a value: of a text nothing that turns or hides what stands beside it."""
    return clean(value, lines=True) if type(value) is str else value


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}"


def _when(at: datetime) -> str:
    return f"{at:%d %b %H:%M} UTC"


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _words(text: object) -> str:
    return str(text).replace("_", " ")
