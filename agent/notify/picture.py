"""A chart as data in, its picture for a message out: the same lines, band and moments as on the page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.cleantext import clean
from agent.quantity import format_quantity

_GRAY, _BLUE = "#7f8c8d", "#2471a3"
_COLORS = {"found": "#c0392b", "started": _BLUE, "ended": _BLUE, "recovered": "#1e8449", "over": _GRAY}
_LONGEST_NAME = 80


def draw(chart: Mapping[str, Any] | None, file: Path) -> Path | None:
    """Draw a chart; return None when there is nothing to draw, or nothing to draw with."""
    if chart is None or not chart["lines"]:
        return None
    try:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import dates, pyplot
    except ImportError:
        return None
    mpl.rcParams["text.parse_math"] = False  # a dollar in a label begins no formula
    figure, axes = pyplot.subplots(figsize=(8, 3.2), dpi=110, layout="constrained")
    moments = [datetime.fromtimestamp(second, UTC) for second in chart["times"]]
    for line in chart["lines"]:
        values = [float("nan") if value is None else value for value in line["values"]]
        name = clean(line["name"], _LONGEST_NAME) or "value"
        axes.plot(moments, values, label=name, linewidth=1.6)  # type: ignore[arg-type]
    if (band := chart["band"]) is not None:
        axes.axhspan(band["low"], band["high"], color=_GRAY, alpha=0.18, label=clean(band["text"], 40))
    for mark in chart["marks"]:
        at = datetime.fromisoformat(mark["at"])
        if moments and moments[0] <= at <= moments[-1]:
            axes.axvline(at, color=_COLORS.get(mark["kind"], _GRAY), linestyle="--", linewidth=1.2)  # type: ignore[arg-type]
            _name_moment(axes, at, clean(mark["text"], 30))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M", tz=UTC))  # type: ignore[no-untyped-call]
    axes.yaxis.set_major_formatter(lambda value, place: format_quantity(value, chart["unit"]))
    axes.set_title(clean(chart["title"], 110), fontsize=9, pad=16)
    axes.legend(fontsize=7, loc="best")
    axes.grid(alpha=0.3)
    figure.savefig(file)
    pyplot.close(figure)
    return file


def _name_moment(axes: Any, at: datetime, text: str) -> None:
    axes.annotate(
        text,
        (at, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(2, 2),
        textcoords="offset points",
        fontsize=7,
    )
