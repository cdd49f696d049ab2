"""What is wanted of an index in, its query narrowed out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Column, Select, Table


class Span(Protocol):
    """A filter by time: from ``since`` on, before ``until``."""

    @property
    def since(self) -> datetime | None:
        """Return from when on."""

    @property
    def until(self) -> datetime | None:
        """Return before when."""


def narrowed(
    query: Select[Any], table: Table, wanted: Span, columns: Iterable[str], at: Column[Any]
) -> Select[Any]:
    """Return a query for rows whose ``columns`` are as wanted, if it says so, within its span of ``at``."""
    for column in columns:
        value = getattr(wanted, column)
        if value is not None:
            query = query.where(table.c[column] == value)
    if wanted.since is not None:
        query = query.where(at >= wanted.since)
    if wanted.until is not None:
        query = query.where(at < wanted.until)
    return query
