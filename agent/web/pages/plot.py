"""A chart in, where its lines, band and moments lie in a picture of fixed size out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agent.charts import Band, Chart
from agent.quantity import format_quantity

WIDTH, HEIGHT = 600, 150
_PADDING = 0.08
_TICKS = 4
_SIDE_BY_SIDE = timedelta(hours=20)  # beyond that the day must be told too


@dataclass(frozen=True, slots=True)
class PlottedLine:
    """A line as the path of an SVG, and its newest value."""

    name: str
    path: str
    newest: str


@dataclass(frozen=True, slots=True)
class PlottedMark:
    """A moment: where it is, and what it was."""

    x: float
    kind: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """What a template draws. ``summary`` says in words what the picture shows."""

    title: str
    query: str
    missing: str
    summary: str = ""
    low: str = ""
    high: str = ""
    lines: Sequence[PlottedLine] = ()
    band: tuple[float, float] | None = None
    band_text: str = ""
    marks: Sequence[PlottedMark] = ()
    ticks: Sequence[str] = ()


def plot(chart: Chart) -> Plot:
    """Return a chart ready to be drawn, ``WIDTH`` x ``HEIGHT``."""
    known = [value for line in chart.lines for value in line.values if value is not None]
    if chart.missing or not known or len(chart.times) < 2:
        why = chart.missing or "the source has no samples of this time"
        return Plot(title=chart.title, query=chart.query, missing=why)
    low, high = _reach(known, chart.band, chart.unit)
    boolean = chart.unit == "boolean"
    first, last = chart.times[0], chart.times[-1]

    def x_of(at: float) -> float:
        return round(WIDTH * (at - first) / (last - first), 1)

    def y_of(value: float) -> float:
        return round(HEIGHT * (1 - (value - low) / (high - low)), 1)

    band = None
    if chart.band is not None:
        top, bottom = y_of(min(chart.band.high, high)), y_of(max(chart.band.low, low))
        band = (top, max(bottom - top, 1.5))
    return Plot(
        title=chart.title,
        query=chart.query,
        missing="",
        summary=_summary(chart),
        low="no" if boolean else format_quantity(low, chart.unit),
        high="yes" if boolean else format_quantity(high, chart.unit),
        lines=[
            PlottedLine(
                line.name,
                " ".join(_segments([x_of(at) for at in chart.times], line.values, y_of, boolean)),
                format_quantity(_newest(line.values), chart.unit),
            )
            for line in chart.lines
        ],
        band=band,
        band_text=_band_text(chart),
        marks=[
            PlottedMark(x_of(mark.at.timestamp()), mark.kind, mark.text, mark.at)
            for mark in chart.marks
            if first <= mark.at.timestamp() <= last
        ],
        ticks=list(_ticks(first, last)),
    )


def _reach(known: Sequence[float], band: Band | None, unit: str) -> tuple[float, float]:
    if unit == "boolean":
        return -_PADDING, 1 + _PADDING
    bounds = [*known, *((band.low, band.high) if band else ())]
    low, high = min(bounds), max(bounds)
    room = (high - low) * _PADDING or abs(high) * _PADDING or 1.0
    return (0.0 if low >= 0 and low - room < 0 else low - room), high + room


def _segments(
    xs: Sequence[float], values: Sequence[float | None], y_of: Callable[[float], float], steps: bool
) -> Iterator[str]:
    """Yield the parts of a path: a gap in the samples is a gap in the line, and yes does not slide to no."""
    begun = False
    for place, (x, value) in enumerate(zip(xs, values, strict=True)):
        if value is None:
            begun = False
            continue
        alone = not begun and (place + 1 == len(values) or values[place + 1] is None)
        if begun and steps:
            yield f"H{x}V{y_of(value)}"
        else:
            yield f"{'L' if begun else 'M'}{x} {y_of(value)}" + ("h0.1" if alone else "")
        begun = True


def _newest(values: Sequence[float | None]) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)


def _band_text(chart: Chart) -> str:
    if chart.band is None:
        return ""
    low, high = (format_quantity(value, chart.unit) for value in (chart.band.low, chart.band.high))
    return f"{chart.band.text}: {low}" if low == high else f"{chart.band.text}: {low} to {high}"


def _summary(chart: Chart) -> str:
    line = chart.lines[0]
    known = [value for value in line.values if value is not None]
    first, last = format_quantity(known[0], chart.unit), format_quantity(known[-1], chart.unit)
    least, most = format_quantity(min(known), chart.unit), format_quantity(max(known), chart.unit)
    moments = ", ".join(f"{mark.text} at {mark.at:%H:%M:%S}" for mark in chart.marks)
    said = f"{chart.title}: {first} at first, {last} at last, between {least} and {most}"
    return f"{said}; {moments}" if moments else said


def _ticks(first: float, last: float) -> Iterator[str]:
    style = "%H:%M" if last - first < _SIDE_BY_SIDE.total_seconds() else "%d %b %H:%M"
    for place in range(_TICKS + 1):
        at = datetime.fromtimestamp(first + (last - first) * place / _TICKS, UTC)
        yield at.strftime(style)
