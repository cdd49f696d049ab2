"""What verification needs of whoever answers PromQL; wiring hands it in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from agent.verify.windows import Rules


class Samples(Protocol):
    """What an instant query gave."""

    @property
    def values(self) -> Iterable[float]:
        """Return one value per series."""

    @property
    def partial(self) -> str:
        """Return why samples may be missing; nothing when the answer is whole."""


class MetricSource(Protocol):
    """What verification needs of a source of metrics."""

    def query(self, expression: str, at: datetime | None = None) -> Samples:
        """Evaluate PromQL now or as of ``at``. Raises SourceError."""

    def now(self) -> datetime:
        """Return the source's own clock. Raises SourceError."""

    def with_rate_interval(self, expression: str) -> str:
        """Return an expression with the rate interval of the source put in. Raises SourceError."""

    def recording_rules(self) -> Rules:
        """Return what the source records under which name, as far as it tells. Raises SourceError."""
