"""What a source of metrics promises to the rest of the agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from agent.records import Doubt

Target = tuple[str, str]
"""Job and instance; job and instance empty where a series has none."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The samples of one instant query: label sets and values, in the order they came.

    ``at`` is the source's own time of evaluation, in unix seconds; 0 where it did not say. ``partial`` says
    why the answer is not whole: then samples may be missing from it. ``doubts`` are about series that cannot
    be told. ``every_s`` is how often samples are taken of series whose targets are not known, such as sums
    and what was pushed: an answer may give the same sample again and again. 0: each is a new one.
    """

    at: float
    labels: Sequence[Mapping[str, str]]
    values: Sequence[float]
    partial: str = ""
    doubts: Sequence[Doubt] = ()
    every_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Poll:
    """The answers to all signals at one moment; ``failed`` says why a signal has none.

    ``scraped`` is when the targets behind the samples were scraped last, where that is known. ``unusable``
    says of which failed signals there was an answer, in part only, that could not be relied on.
    """

    at: datetime
    answers: Mapping[str, Answer]
    failed: Mapping[str, str] = field(default_factory=dict)
    scraped: Mapping[Target, float] = field(default_factory=dict)
    unusable: Mapping[str, str] = field(default_factory=dict)

    @property
    def partial(self) -> dict[str, str]:
        """Return why answers are not whole, by signal."""
        told = {signal: answer.partial for signal, answer in self.answers.items() if answer.partial}
        return {**self.unusable, **told}


@dataclass(frozen=True, slots=True, eq=False)
class Range:
    """The samples of one range query: a value, or None where there is a gap, per series and time."""

    times: Sequence[float]
    labels: Sequence[Mapping[str, str]]
    values: Sequence[Sequence[float | None]]
    partial: str = ""


class MetricSource(Protocol):
    """A place that evaluates PromQL."""

    def query(self, expression: str, at: datetime | None = None) -> Answer:
        """Evaluate an expression now, or as of ``at``.

        Raises SourceUnreachable, SourceRefused, QueryError or AnswerError.
        """

    def now(self) -> datetime:
        """Return the source's own clock. Raises as ``query`` does."""
