"""What a source of metrics promises to the rest of the agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The samples of one instant query: label sets and values, in the order they came.

    ``at`` is the source's own time of evaluation, in unix seconds.
    """

    at: float
    labels: Sequence[Mapping[str, str]]
    values: Sequence[float]


@dataclass(frozen=True, slots=True, eq=False)
class Poll:
    """The answers to all signals at one moment; ``failed`` says why a signal has none."""

    at: datetime
    answers: Mapping[str, Answer]
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Range:
    """The samples of one range query: a value, or None where there is a gap, per series and time."""

    times: Sequence[float]
    labels: Sequence[Mapping[str, str]]
    values: Sequence[Sequence[float | None]]


class MetricSource(Protocol):
    """A place that evaluates PromQL."""

    def query(self, expression: str, at: datetime | None = None) -> Answer:
        """Evaluate an expression now, or as of ``at``.

        Raises SourceUnreachable, SourceRefused, QueryError or AnswerError.
        """

    def now(self) -> datetime:
        """Return the source's own clock. Raises as ``query`` does."""
