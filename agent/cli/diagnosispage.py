"""A diagnosis report in, one page of HTML for people out: no script, no other file, nothing from afar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430}
h1{font-size:1.5rem} h2{font-size:1.1rem;margin-top:2rem} .bar{background:#e6ebf2;height:.6rem;width:12rem;
display:inline-block} .bar i{background:#c2410c;height:100%;display:block} .but{color:#a16207}
table{border-collapse:collapse} td,th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}
small,summary{color:#5b6675} svg{max-width:100%}
@media(prefers-color-scheme:dark){body{background:#11161d;color:#dde3ea}}
"""
_SHOWN = 5
_LIKELY = 0.05  # what is less likely is folded away
_BOX_WIDTH, _BOX_HEIGHT, _GAP = 210, 48, 50


def render_page(report: Mapping[str, Any]) -> str:
    """Return the page. Every text of the report is escaped: it comes from logs and labels."""
    parts = [
        f"<h1>{escape(report['summary'])}</h1>",
        *_causes(report["root_causes"][:_SHOWN]),
        _unlikely(report["root_causes"][:_SHOWN]),
        "<h2>Diagnosis</h2>",
        *(_finding(one) for one in report["diagnosis"][:_SHOWN]),
        _list(
            "Remediations",
            (f"{r['remediation']} on {r['entity']}: {r['summary']}" for r in report["remediations"]),
        ),
        _list(
            "Similar cases",
            (f"{s['likeness']:.0%} {s['case']}: {s['summary']}" for s in report["similar_cases"]),
        ),
        _list("Look at next", [report["next_question"]] if report["next_question"] else []),
        "<h2>How it spread</h2>",
        _order(report["patterns"]["order"]),
        _list("Notes", report["notes"]),
    ]
    title = escape(report["summary"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _causes(causes: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    for place, one in enumerate(causes):
        if place and one["score"] < _LIKELY:
            return
        yield f"<h2>{'Root cause' if place == 0 else 'Or'}: {escape(one['entity'])}</h2>"
        yield f'<p><span class="bar"><i style="width:{one["score"]:.0%}"></i></span> {one["score"]:.0%}</p>'
        if one["path"]:
            yield _draw(one["path"].split(" ──► "))
        yield "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in one["evidence"])
        yield "".join(f'<li class="but">but {escape(text)}</li>' for text in one["against"]) + "</ul>"


def _unlikely(causes: Sequence[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td>{escape(one['entity'])}</td><td>{one['score']:.1%}</td>"
        f"<td>{escape('; '.join(one['against'] or one['evidence'][:1]))}</td></tr>"
        for one in causes[1:]
        if one["score"] < _LIKELY
    )
    folded = f"<table><tr><th>entity</th><th></th><th>because</th></tr>{rows}</table>"
    return f"<details><summary>What it is hardly</summary>{folded}</details>" if rows else ""


def _draw(nodes: Sequence[str]) -> str:
    """Return the causal path as a picture, the cause on the left."""
    width = len(nodes) * (_BOX_WIDTH + _GAP) - _GAP
    shapes = []
    for place, node in enumerate(nodes):
        x = place * (_BOX_WIDTH + _GAP)
        colour = "#c2410c" if place == 0 else "#64748b"
        shown = node if len(node) <= 28 else node[:27] + "…"
        shapes.append(
            f'<rect x="{x + 1}" y="1" width="{_BOX_WIDTH - 2}" height="{_BOX_HEIGHT - 2}" rx="6" '
            f'fill="none" stroke="{colour}" stroke-width="2"/><title>{escape(node)}</title>'
            f'<text x="{x + _BOX_WIDTH / 2}" y="{_BOX_HEIGHT / 2 + 5}" text-anchor="middle" '
            f'font-size="13" fill="currentColor">{escape(shown)}</text>'
        )
        if place + 1 < len(nodes):
            left, middle = x + _BOX_WIDTH, _BOX_HEIGHT / 2
            shapes.append(
                f'<path d="M{left + 4} {middle}H{left + _GAP - 6}m-8 -5l8 5l-8 5" '
                'fill="none" stroke="#64748b"/>'
            )
    return f'<svg viewBox="0 0 {width} {_BOX_HEIGHT}" width="{width}" role="img">{"".join(shapes)}</svg>'


def _finding(one: Mapping[str, Any]) -> str:
    voters = ", ".join(one["voters"]) or "no voter"
    reasons = "".join(f"<li>{escape(text)}</li>" for text in one["evidence"])
    return (
        f"<p><b>{escape(one['fault'])}</b> on {escape(one['entity'])}, confidence {one['confidence']:.2f} "
        f"<small>({escape(voters)})</small></p><ul>{reasons}</ul>"
    )


def _list(title: str, lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<h2>{title}</h2><ul>{items}</ul>" if items else ""


def _order(order: Sequence[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td>{'' if one['after_s'] is None else format(one['after_s'], '.0f') + ' s'}</td>"
        f"<td>{escape(one['entity'])}</td><td>{escape(one['trouble'])}</td></tr>"
        for one in order[:20]
    )
    return f"<table><tr><th>after</th><th>entity</th><th>trouble</th></tr>{rows}</table>"
