"""What a suspect host says of itself when it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SshAddress:
    """How a host is reached by ssh, as the inventory says it; what is empty is left to ``ssh_config``."""

    host: str
    address: str = ""
    port: int = 0
    user: str = ""
    key: str = ""
    ssh_config: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAnswer:
    """One question put to one host, and its answer.

    ``facts`` are what could be read from it, ``findings`` sentences on what is out of order; ``text`` is
    the raw answer, cut and without control characters. ``error`` says why there is none.
    """

    host: str
    probe: str
    at: datetime
    seconds: float
    facts: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    text: str = ""
    error: str = ""
