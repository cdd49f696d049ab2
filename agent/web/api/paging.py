"""Where the next part of a list is."""

from __future__ import annotations

from fastapi import Request


def next_page(request: Request, **position: int | str) -> str:
    """Return path and query of the part that begins at a position, with the filters of this one."""
    return f"{request.url.path}?{request.url.include_query_params(**position).query}"
