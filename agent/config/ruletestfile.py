"""``rules/tests/*.yml``: tables of samples over time, and the incidents that the rules must make of them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import promql_parser
from pydantic import Field, field_validator, model_validator

from agent.config.scalars import Confidence, Duration, Identifier, PositiveDuration, Text
from agent.config.yamlfile import Strict

MOST_SAMPLES = 10_000
_NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_STEPS = re.compile(rf"({_NUMBER})(?:([-+]{_NUMBER.removeprefix('[-+]?')}))?x([0-9]{{1,5}})")
_PLAIN = re.compile(_NUMBER)
_GAPS = re.compile(r"_(?:x([0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class SeriesName:
    """What ``series`` names: a signal, and the labels of one of its series."""

    signal: str
    labels: Mapping[str, str]


class InputSeries(Strict):
    """One series of a signal, its samples written as ``promtool test rules`` writes them."""

    series: str = Field(description='such as unit_active{instance="web1:9100",unit="nginx.service"}')
    values: str = Field(description="such as '1x4 0x10', '100-10x5', '1 _ 1', '_x3'; _ is a missing sample")

    @field_validator("series")
    @classmethod
    def _is_a_series(cls, text: str) -> str:
        parse_series(text)
        return text

    @field_validator("values")
    @classmethod
    def _are_samples(cls, text: str) -> str:
        parse_values(text)
        return text


class InputAnomaly(Strict):
    """An anomaly that detection has open for a series."""

    series: str
    kind: Literal["spike", "dip", "level_shift", "trend", "flat_line"] = "level_shift"
    since: Duration = Field(default=timedelta(0), description="when it was opened, from the beginning")

    @field_validator("series")
    @classmethod
    def _is_a_series(cls, text: str) -> str:
        parse_series(text)
        return text


class InputForecast(Strict):
    """A forecast that stands from ``since`` on: the series reaches its limit so long after the last look."""

    series: str
    left: PositiveDuration
    since: Duration = timedelta(0)

    @field_validator("series")
    @classmethod
    def _is_a_series(cls, text: str) -> str:
        parse_series(text)
        return text


class InputAlert(Strict):
    """An alert that fires from ``since`` on."""

    alert: str = Field(min_length=1, max_length=200)
    labels: dict[str, str] = Field(default_factory=dict)
    since: Duration = timedelta(0)


class InputLog(Strict):
    """Lines of a log, all written at ``since``."""

    message: Text
    labels: dict[str, str] = Field(default_factory=dict)
    lines: int = Field(default=1, ge=1, le=MOST_SAMPLES)
    since: Duration = timedelta(0)


class InputEvent(Strict):
    """An event of a stream."""

    event: str = Field(min_length=1, max_length=200)
    labels: dict[str, str] = Field(default_factory=dict)
    since: Duration = timedelta(0)


class ExpectedIncident(Strict):
    """An incident as it must be: its likeliest fault, and all others that belong to it."""

    fault: Identifier
    entity: Text
    confidence: Confidence | None = None
    rules: list[Identifier] | None = Field(default=None, description="exactly these speak for the fault")
    evidence: Text | None = Field(default=None, description="one sentence of the evidence, word for word")
    foreseen: bool = Field(default=False, description="it is still to come")
    explains: list[Identifier] = Field(default_factory=list, description="faults that follow from it")
    outlasted_cause: bool = Field(
        default=False, description="it was part of another incident until what caused it was over"
    )


class Moment(Strict):
    """What must be found at one time: exactly these incidents, in any order."""

    at: Duration
    incidents: list[ExpectedIncident]


class RuleTest(Strict):
    """One story: what is seen, poll by poll, and which incidents must be open when."""

    name: Text
    interval: PositiveDuration = timedelta(seconds=15)
    series: list[InputSeries] = Field(default_factory=list)
    anomalies: list[InputAnomaly] = Field(default_factory=list)
    forecasts: list[InputForecast] = Field(default_factory=list)
    alerts: list[InputAlert] = Field(default_factory=list)
    logs: list[InputLog] = Field(default_factory=list)
    events: list[InputEvent] = Field(default_factory=list)
    unanswered: list[Identifier] = Field(
        default_factory=list, description="signals that the source does not answer at the last sample"
    )
    partial: list[Identifier] = Field(
        default_factory=list, description="signals that it answers in part only at the last sample"
    )
    expect: list[Moment] = Field(min_length=1)

    @model_validator(mode="after")
    def _says_something(self) -> RuleTest:
        if not (self.series or self.anomalies or self.forecasts or self.alerts or self.logs or self.events):
            raise ValueError("needs series, anomalies, forecasts, alerts, logs or events")
        return self


class RuleTestFile(Strict):
    """``rules/tests/*.yml``."""

    tests: list[RuleTest] = Field(min_length=1)


def parse_series(text: str) -> SeriesName:
    """Return the signal and labels that a series' name holds. Raises ValueError."""
    try:
        parsed: Any = promql_parser.parse(text)
    except ValueError as error:
        raise ValueError(f"'{text}' is no series: {str(error).strip()}") from error
    if not isinstance(parsed, promql_parser.VectorSelector) or not parsed.name or parsed.offset or parsed.at:
        raise ValueError(f"'{text}' is no series; write signal{{label=\"value\"}}")
    matchers = parsed.matchers.matchers
    if any(one.op != promql_parser.MatchOp.Equal for one in matchers):
        raise ValueError(f"'{text}' matches several series; write label=\"value\" for each label")
    return SeriesName(parsed.name, {one.name: one.value for one in matchers})


def parse_values(text: str) -> Sequence[float]:
    """Return samples, NaN where one is missing.

    ``a`` is one sample, ``axn`` one and n more of the same, ``a+bxn`` and ``a-bxn`` one and n more that
    rise or fall by b, ``_`` a missing one and ``_xn`` n of them. Raises ValueError.
    """
    samples: list[float] = []
    for word in text.split():
        samples += _expand(word)
        if len(samples) > MOST_SAMPLES:
            raise ValueError(f"are more than {MOST_SAMPLES} samples")
    if not samples:
        raise ValueError("holds no sample")
    return samples


def _expand(word: str) -> list[float]:
    if gap := _GAPS.fullmatch(word):
        return [math.nan] * int(gap[1] or 1)
    if steps := _STEPS.fullmatch(word):
        first, by, more = float(steps[1]), float(steps[2] or 0), int(steps[3])
        return [first + by * number for number in range(more + 1)]
    if _PLAIN.fullmatch(word):
        return [float(word)]
    raise ValueError(f"'{word}' is no sample; write 1, 1x4, 1+0.5x4, _ or _x3")
