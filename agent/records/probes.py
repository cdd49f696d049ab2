"""What a suspect host says of itself when it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAnswer:
    """One question put to one host, and its answer.

    ``facts`` are what could be read from it, ``findings`` sentences on what is out of order; ``text`` is
    the raw answer, cut and without control characters. ``error`` says why there is none, ``partial`` why it
    may not be the whole one.
    """

    host: str
    probe: str
    at: datetime
    seconds: float
    facts: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    text: str = ""
    error: str = ""
    partial: str = ""
