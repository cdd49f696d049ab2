"""What a report tells in; a page of HTML with charts, or Markdown, out. Nothing is loaded from anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1c2430}
h1{font-size:1.5rem} h2{font-size:1.1rem;margin-top:2rem} table{border-collapse:collapse}
td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top} small,summary{color:#5b6675}
svg{width:100%;height:auto;display:block} .two{display:grid;grid-template-columns:1fr 1fr;gap:0 2rem}
.bar{display:inline-block;height:.7rem;background:#c2410c;min-width:1px} .lead{font-size:1.1rem}
text{font:11px system-ui,sans-serif;fill:currentColor}
@media(max-width:40rem){.two{display:block}}
@media(prefers-color-scheme:dark){body{background:#11161d;color:#dde3ea}}
"""
_HEADINGS = {
    "trend": "Over time",
    "rhythm": "Rhythm",
    "place": "Over place",
    "together": "What comes together",
}
_SHOWN = 10
_WIDTH, _HEIGHT, _LEFT, _BELOW = 1000, 150, 28, 18  # of a chart, and what its axes take


def render_html(content: Mapping[str, Any]) -> str:
    """Return the page: what holds first, then the numbers, then what may be chance."""
    title = _title(content)
    days = [(day["day"], day["incidents"]) for day in content["per_day"]]
    hours = [(f"{hour:02}:00", count) for hour, count in enumerate(content["per_hour"])]
    parts = [
        f"<h1>{escape(title)}</h1><p class='lead'>{escape(_summary(content))}</p>",
        f"<h2>What holds</h2>{_firm(content['patterns'])}",
        f"<h2>Incidents per day</h2>{_chart(days)}<h2>Per hour of the day (UTC)</h2>{_chart(hours)}",
        "<div class='two'>",
        f"<div><h2>Faults</h2>{_counts(content['faults'])}</div>",
        f"<div><h2>Where</h2>{_counts(content['entities'])}</div>",
        "</div>",
        f"<h2>Business impact</h2>{_impact(content['impact'])}",
        f"<h2>How trouble spread</h2>{_spread(content)}",
    ]
    rows = [(str(one["id"]), one["what"], one["lasted"]) for one in content["longest"]]
    parts.append(f"<h2>Longest</h2>{_table(('incident', 'what', 'lasted'), rows)}")
    parts += [
        f"<h2>{heading}</h2>{_statements(content['patterns'], kind)}" for kind, heading in _HEADINGS.items()
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _title(content: Mapping[str, Any]) -> str:
    return f"Incidents of {content['name']}, {content['begin']:%Y-%m-%d} to {content['end']:%Y-%m-%d}"


def _summary(content: Mapping[str, Any]) -> str:
    if not content["incidents"]:
        return "There was no incident."
    ended = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in content["states"].items())
    return (
        f"{_many(content['incidents'], 'incident')} ({ended}), {content['minutes']:.0f} minutes together; "
        f"in {content['troubled_share']:.2%} of the time something was wrong."
    )


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _of_chance(patterns: Sequence[Mapping[str, Any]]) -> str:
    return (
        f"Of {len(patterns)} things that were looked at; they are judged together, so that at most one in "
        "twenty of those named here is chance."
    )


def _firm(patterns: Sequence[Mapping[str, Any]]) -> str:
    firm = [one for one in patterns if one["significant"]]
    if not firm:
        return "<p>Nothing: what there is may be chance.</p>"
    rows = "".join(
        f"<li>{escape(one['text'])} <small>p = {one['p']:.2g}</small></li>" for one in firm[:_SHOWN]
    )
    return f"<ul>{rows}</ul><small>{escape(_of_chance(patterns))}</small>"


def _chart(values: Sequence[tuple[str, int]]) -> str:
    """Return a bar chart with the largest count at its left and some labels below."""
    most = max((count for _, count in values), default=0) or 1
    bottom, step = _HEIGHT - _BELOW, (_WIDTH - _LEFT) / max(len(values), 1)
    shapes = [
        f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y}" y2="{y}" stroke="currentColor" opacity=".25"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{label}</text>'
        for y, label in ((10, most), (bottom, 0))
    ]
    every = max(1, round(len(values) / 8))
    for place, (label, count) in enumerate(values):
        x, height = _LEFT + place * step, (bottom - 10) * count / most
        shapes.append(
            f'<rect x="{x:.1f}" y="{bottom - height:.1f}" width="{step * 0.8:.1f}" height="{height:.1f}" '
            f'fill="#c2410c"><title>{escape(label)}: {count}</title></rect>'
        )
        if place % every == 0:
            shapes.append(f'<text x="{x:.1f}" y="{_HEIGHT - 4}">{escape(label)}</text>')
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{"".join(shapes)}</svg>'


def _counts(rows: Sequence[Mapping[str, Any]]) -> str:
    most = max((row["incidents"] for row in rows), default=1)
    body = "".join(
        f"<tr><td>{escape(row['name'])}</td><td>{row['incidents']}</td>"
        f"<td><span class='bar' style='width:{8 * row['incidents'] / most:.1f}rem'></span></td></tr>"
        for row in rows[:_SHOWN]
    )
    return f"<table>{body}</table>" if body else "<p>None.</p>"


def _pairs(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [(row["name"], str(row["incidents"])) for row in rows[:_SHOWN]]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{titles}</tr>{body}</table>" if rows else "<p>None.</p>"


def _statements(patterns: Sequence[Mapping[str, Any]], kind: str) -> str:
    rows = [
        (one["text"], f"p = {one['p']:.2g}", "holds" if one["significant"] else "may be chance")
        for one in patterns
        if one["kind"] == kind
    ]
    firm = [row for row in rows if row[2] == "holds"]
    rest = [row for row in rows if row[2] != "holds"][:_SHOWN]
    head = ("what", "by chance", "verdict")
    folded = f"<details><summary>{len(rest)} that may be chance</summary>{_table(head, rest)}</details>"
    return (_table(head, firm[:_SHOWN]) if firm or not rest else "") + (folded if rest else "")


def _impact(impact: Sequence[Mapping[str, Any]]) -> str:
    if not impact:
        return "<p>No business series was given (--impact FILE).</p>"
    head = ("series", "missed, in its unit times hours", "of what was expected", "by chance")
    return _table(head, _impact_rows(impact))


def _impact_rows(impact: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (one["series"], f"{one['missed']:.4g}", f"{one['share']:.1%}", f"p = {one['p']:.2g}")
        for one in impact[:_SHOWN]
    ]


def _spread(content: Mapping[str, Any]) -> str:
    if not content["paths"] and not content["moved_together"]:
        return "<p>No incident was seen to spread.</p>"
    paths = _table(("path, the cause first", "incidents"), _path_rows(content))
    return paths + _table(("what moved together", "lag", "incidents"), _together_rows(content))


def _path_rows(content: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [(one["path"], str(one["incidents"])) for one in content["paths"][:_SHOWN]]


def _together_rows(content: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (f"{one['first']} and {one['second']}", f"{one['lag_s']:.0f} s", str(one["incidents"]))
        for one in content["moved_together"][:_SHOWN]
    ]


def render_markdown(content: Mapping[str, Any]) -> str:
    """Return the report as Markdown, its charts drawn in characters."""
    firm = [one for one in content["patterns"] if one["significant"]][:_SHOWN]
    lines = [f"# {_title(content)}", "", _summary(content), "", "## What holds", ""]
    lines += [f"- {_cell(one['text'])} (p = {one['p']:.2g})" for one in firm] or ["Nothing."]
    lines += [
        "",
        _of_chance(content["patterns"]),
        "",
        f"Per day: `{_sparks([day['incidents'] for day in content['per_day']])}`  ",
        f"Per hour of the day (UTC): `{_sparks(content['per_hour'])}`",
    ]
    for title, key, head in (("Faults", "faults", "fault"), ("Where", "entities", "entity")):
        lines += ["", f"## {title}", *_rows((head, "incidents"), _pairs(content[key]))]
    lines += ["", "## Business impact"]
    lines += _rows(("series", "missed (unit x h)", "of expected", "p"), _impact_rows(content["impact"]))
    lines += ["", "## How trouble spread", *_rows(("path", "incidents"), _path_rows(content))]
    lines += _rows(("moved together", "lag", "incidents"), _together_rows(content))
    longest = [(str(one["id"]), one["what"], one["lasted"]) for one in content["longest"]]
    lines += ["", "## Longest", *_rows(("incident", "what", "lasted"), longest)]
    for kind, heading in _HEADINGS.items():
        rows = [
            (one["text"], f"{one['p']:.2g}", "holds" if one["significant"] else "may be chance")
            for one in content["patterns"]
            if one["kind"] == kind
        ]
        lines += ["", f"## {heading}", *_rows(("what", "p", "verdict"), rows[:_SHOWN])]
    return "\n".join(lines) + "\n"


def _sparks(values: Sequence[int]) -> str:
    most = max(values, default=0) or 1
    return "".join(" ▁▂▃▄▅▆▇█"[round(8 * value / most)] for value in values)


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return ["", "None."]
    body = ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head), *body]


def _cell(text: str) -> str:
    # entity names are a stranger's: they must not end a cell or begin markup
    return "".join(f"\\{char}" if char in "|`*_[]<>\\" else char for char in text.replace("\n", " "))
