"""What a report tells in; a page of HTML with charts, or Markdown, out. Nothing is loaded from anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1c2430}
h1{font-size:1.5rem} h2{font-size:1.1rem;margin-top:2rem} table{border-collapse:collapse}
td,th{text-align:left;padding:.2rem 1rem .2rem 0} small{color:#5b6675} svg{width:100%;height:9rem}
@media(prefers-color-scheme:dark){body{background:#11161d;color:#dde3ea}}
"""
_HEADINGS = {
    "trend": "Over time",
    "rhythm": "Rhythm",
    "place": "Over place",
    "together": "What comes together",
}
_SHOWN = 10


def render_html(content: Mapping[str, Any]) -> str:
    """Return the page."""
    title = f"Incidents of {content['name']}, {content['begin']:%Y-%m-%d} to {content['end']:%Y-%m-%d}"
    days = [(day["day"], day["incidents"]) for day in content["per_day"]]
    hours = [(f"{hour:02}:00", count) for hour, count in enumerate(content["per_hour"])]
    parts = [
        f"<h1>{escape(title)}</h1><p>{escape(_summary(content))}</p>",
        f"<h2>Per day</h2>{_bars(days)}<h2>Per hour of the day (UTC)</h2>{_bars(hours)}",
        f"<h2>Faults</h2>{_table(('fault', 'incidents'), _pairs(content['faults']))}",
        f"<h2>Entities</h2>{_table(('entity', 'incidents'), _pairs(content['entities']))}",
    ]
    for kind, heading in _HEADINGS.items():
        parts.append(f"<h2>{heading}</h2>{_statements(content['patterns'], kind)}")
    parts.append(f"<h2>Business impact</h2>{_impact(content['impact'])}")
    rows = [(str(one["id"]), one["what"], one["lasted"]) for one in content["longest"]]
    parts.append(f"<h2>Longest</h2>{_table(('incident', 'what', 'lasted'), rows)}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _summary(content: Mapping[str, Any]) -> str:
    if not content["incidents"]:
        return "There was no incident."
    firm = sum(one["significant"] for one in content["patterns"])
    return (
        f"{content['incidents']} incidents, {content['minutes']:.0f} minutes together; in "
        f"{content['troubled_share']:.2%} of the time something was wrong. {firm} patterns hold when all "
        f"{len(content['patterns'])} that were looked at are judged together."
    )


def _bars(values: Sequence[tuple[str, int]]) -> str:
    most = max((count for _, count in values), default=0) or 1
    width = 1000 / max(len(values), 1)
    shapes = "".join(
        f'<rect x="{place * width:.1f}" y="{140 - 130 * count / most:.1f}" width="{width * 0.8:.1f}" '
        f'height="{130 * count / most:.1f}" fill="#c2410c"><title>{escape(label)}: {count}</title></rect>'
        for place, (label, count) in enumerate(values)
    )
    ends = f"{escape(values[0][0])} to {escape(values[-1][0])}, at most {most}" if values else ""
    chart = f'<svg viewBox="0 0 1000 150" preserveAspectRatio="none" role="img"><g>{shapes}</g></svg>'
    return f"{chart}<small>{ends}</small>"


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
    return _table(("what", "by chance", "verdict"), rows[:_SHOWN])


def _impact(impact: Sequence[Mapping[str, Any]]) -> str:
    if not impact:
        return "<p>No business series was given (--impact FILE).</p>"
    return _table(("series", "missed", "of what was expected", "by chance"), _impact_rows(impact))


def _impact_rows(impact: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (one["series"], f"{one['missed']:.4g}", f"{one['share']:.1%}", f"p = {one['p']:.2g}")
        for one in impact[:_SHOWN]
    ]


def render_markdown(content: Mapping[str, Any]) -> str:
    """Return the report as Markdown, its charts drawn in characters."""
    lines = [
        f"# Incidents of {content['name']}, {content['begin']:%Y-%m-%d} to {content['end']:%Y-%m-%d}",
        "",
        _summary(content),
        "",
        f"Per day: `{_sparks([day['incidents'] for day in content['per_day']])}`  ",
        f"Per hour of the day (UTC): `{_sparks(content['per_hour'])}`",
    ]
    for title, key in (("Faults", "faults"), ("Entities", "entities")):
        lines += ["", f"## {title}", *_rows((key, "incidents"), _pairs(content[key]))]
    for kind, heading in _HEADINGS.items():
        rows = [
            (one["text"], f"{one['p']:.2g}", "holds" if one["significant"] else "may be chance")
            for one in content["patterns"]
            if one["kind"] == kind
        ]
        lines += ["", f"## {heading}", *_rows(("what", "p", "verdict"), rows[:_SHOWN])]
    lines += ["", "## Business impact"]
    lines += _rows(("series", "missed", "of expected", "p"), _impact_rows(content["impact"]))
    longest = [(str(one["id"]), one["what"], one["lasted"]) for one in content["longest"]]
    lines += ["", "## Longest", *_rows(("incident", "what", "lasted"), longest)]
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
