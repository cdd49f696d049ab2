"""Lists in parts: how much of them is asked for, and where the next part is."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request

Limit = Annotated[int, Query(ge=1, le=1000, description="at most so many, newest first")]
Before = Annotated[int | None, Query(ge=1, le=2**53, description="only what is older than this number")]


def next_page(request: Request, **position: int | str) -> str:
    """Return path and query of the part that begins at a position, with the filters of this one."""
    return f"{request.url.path}?{request.url.include_query_params(**position).query}"
