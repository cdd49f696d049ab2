"""A training of the diagnosis in, a page of HTML with its pictures out. Nothing is loaded from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from agent.cli.reportpage import STYLE
from agent.learn.faults.evaluation import Bin, Figures
from agent.learn.faults.shelf import FaultTraining

_CELL, _NAME, _HEAD = 34, 190, 150  # of the confusion matrix, in pixels: a cell, names beside and above
_SIDE, _LEFT, _BELOW = 360, 40, 34  # of the calibration chart


def render_training(one: FaultTraining) -> str:
    """Return the page: what it is, how good, what is taken for what, and whether it may be believed."""
    figures = one.figures
    title = f"Trained diagnosis {one.name}"
    parts = [
        f"<h1>{escape(title)}</h1><p class='lead'>{escape(_summary(one))}</p>",
        f"<p>{escape(one.why[:1].upper() + one.why[1:])}.</p>",
        f"<h2>Each fault</h2>{_faults(figures)}",
        f"<h2>What it was, and what the model said</h2>{_confusion(figures)}",
        f"<h2>How often it is right when it is so sure</h2>{_calibration(figures.calibration)}",
        f"<h2>Where it comes from</h2>{_origin(one)}",
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _summary(one: FaultTraining) -> str:
    figures = one.figures
    return (
        f"On the {figures.examples} newest incidents, which it had not learned from, it names a fault for "
        f"{figures.named:.0%} and is right in {figures.accuracy:.0%} of these. An answer costs "
        f"{figures.cost:.3f} (right 0, silent 0.3, wrong 1); saying nothing would cost {figures.silence:.3f}."
    )


def _faults(figures: Figures) -> str:
    rows = "".join(
        f"<tr><td>{escape(of.fault)}</td><td>{of.examples}</td><td>{_share(of.precision)}</td>"
        f"<td>{_share(of.recall)}</td></tr>"
        for of in figures.faults
    )
    head = "<tr><th>fault</th><th>examples</th><th>precision</th><th>recall</th></tr>"
    return f"<table>{head}{rows}</table>"


def _confusion(figures: Figures) -> str:
    """Return the matrix: what it was by rows, what was said by columns, the darker the more of a row."""
    names, shapes = figures.names, []
    for place, name in enumerate(names):
        middle = place * _CELL + _CELL / 2
        shapes.append(
            f'<text x="{_NAME - 6}" y="{_HEAD + middle + 4}" text-anchor="end">{escape(name)}</text>'
            f'<text transform="translate({_NAME + middle + 4},{_HEAD - 6}) rotate(-60)">{escape(name)}</text>'
        )
    for row, counts in enumerate(figures.confusion):
        most = max(sum(counts), 1)
        for column, count in enumerate(counts):
            x, y = float(_NAME + column * _CELL), float(_HEAD + row * _CELL)
            colour = "#15803d" if row == column else "#c2410c"
            told = f"{names[row]} called {names[column]}: {count}"
            shapes.append(
                f'<rect x="{x}" y="{y}" width="{_CELL - 2}" height="{_CELL - 2}" fill="{colour}" '
                f'fill-opacity="{count / most:.2f}" stroke="currentColor" stroke-opacity=".15">'
                f"<title>{escape(told)}</title></rect>"
            )
            if count:
                x, y = x + _CELL / 2 - 1, y + _CELL / 2 + 4
                shapes.append(f'<text x="{x}" y="{y}" text-anchor="middle">{count}</text>')
    size = len(names) * _CELL
    width, height = _NAME + size + 90, _HEAD + size + 4
    return (
        f'<svg viewBox="0 0 {width} {height}" style="max-width:{width}px" role="img" '
        f'aria-label="Confusion matrix">{"".join(shapes)}</svg>'
        "<small>Rows: what it was. Columns: what was said. Green is right.</small>"
    )


def _calibration(bins: Sequence[Bin]) -> str:
    """Return the reliability diagram: the nearer to the diagonal, the more a probability may be believed."""
    bottom, inner = _SIDE - _BELOW, _SIDE - _BELOW - 10
    most = max((one.examples for one in bins), default=1)

    def place(one: Bin) -> tuple[float, float]:
        return _LEFT + one.probability * inner, bottom - one.right * inner

    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, bins))
    shapes = [
        f'<rect x="{_LEFT}" y="10" width="{inner}" height="{inner}" fill="none" stroke="currentColor" '
        'opacity=".25"/>',
        f'<line x1="{_LEFT}" y1="{bottom}" x2="{_LEFT + inner}" y2="10" stroke="currentColor" '
        'stroke-dasharray="4 4" opacity=".5"/>',
        f'<polyline points="{points}" fill="none" stroke="#c2410c" stroke-width="2"/>',
    ]
    for one in bins:
        x, y = place(one)
        told = f"said {one.probability:.0%}, right {one.right:.0%}, {one.examples} examples"
        radius = 3 + 6 * (one.examples / most) ** 0.5
        shapes.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="#c2410c"><title>{told}</title>'
            "</circle>"
        )
    for tick in (0.0, 0.5, 1.0):
        at = tick * inner
        shapes.append(
            f'<text x="{_LEFT + at}" y="{bottom + 14}" text-anchor="middle">{tick:.0%}</text>'
            f'<text x="{_LEFT - 6}" y="{bottom - at + 4}" text-anchor="end">{tick:.0%}</text>'
        )
    shapes.append(f'<text x="{_LEFT + inner / 2}" y="{_SIDE - 4}" text-anchor="middle">how sure</text>')
    return (
        f'<svg viewBox="0 0 {_SIDE + 10} {_SIDE}" style="max-width:{_SIDE + 10}px" role="img" '
        f'aria-label="Calibration">{"".join(shapes)}</svg>'
        "<small>Up: how often it was right. On the dashed line a probability means what it says.</small>"
    )


def _origin(one: FaultTraining) -> str:
    told = ", ".join(f"{count} by {origin}" for origin, count in one.origins.items())
    parameters = ", ".join(f"{key} {value}" for key, value in one.parameters.items())
    rows = {
        "algorithm": f"{one.algorithm} ({parameters})",
        "temperature": f"{one.temperature:.2f}",
        "examples": f"{one.examples} ({told})",
        "features": str(one.features),
        "learned from": f"{one.trained_from:%Y-%m-%d} to {one.trained_to:%Y-%m-%d %H:%M} UTC",
        "data (SHA-256)": one.data,
        "made by": f"opsmend {one.version}, {', '.join(f'{k} {v}' for k, v in one.libraries.items())}",
        "calibration error": f"{one.figures.calibration_error:.3f}",
        "log loss": f"{one.figures.log_loss:.3f}",
    }
    body = "".join(f"<tr><th>{escape(key)}</th><td>{escape(value)}</td></tr>" for key, value in rows.items())
    return f"<table>{body}</table>"


def _share(value: float | None) -> str:
    return f"{value:.2f}" if value is not None else "-"
