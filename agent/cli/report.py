"""``opsmend report``: the incidents of a stretch of time, and what they have in common, as a page or text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from agent.cli.agentapi import AgentApi, agent_api
from agent.cli.options import span_of
from agent.cli.output import console, print_json, write
from agent.cli.reportpage import render_html, render_markdown
from agent.collect.seriesfile import read_series
from agent.diagnose.many.impact import Impact, measure_impact
from agent.investigation.retrospective import MOST, time_of


@dataclass(frozen=True, slots=True)
class _Time:
    opened_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    symptomatic: bool


def make_report(
    config: Path | None, since: str, output: Path | None, impact: Path | None, json: bool
) -> None:
    """Report on the incidents of the last while. The name of ``output`` says the form: .html or .md."""
    length = span_of("--since", since)
    api = agent_api(config)
    content = api.get("/api/v1/report", days=length / timedelta(days=1), limit=MOST)
    for bound in ("begin", "end"):
        content[bound] = datetime.fromisoformat(content[bound])
    content["impact"] = _impact(api, impact, content["begin"], content["end"]) if impact is not None else []
    if output is not None:
        page = render_html(content) if output.suffix in (".html", ".htm") else render_markdown(content)
        write(output, page.encode())
    if json:
        print_json(content)
    elif output is None:
        console.print(render_markdown(content), markup=False, soft_wrap=True)


def _impact(api: AgentApi, file: Path, begin: datetime, end: datetime) -> list[dict[str, Any]]:
    """Return what the incidents of a while cost each business series of a file."""
    business = read_series(file)[0]
    return [_plain(one) for one in measure_impact(business, list(_spans(api, begin, end)))]


def _spans(api: AgentApi, begin: datetime, end: datetime) -> Iterator[tuple[float, timedelta]]:
    asked = {"since": begin.isoformat(), "until": end.isoformat()}
    for one in api.pages("/api/v1/incidents", MOST, **asked):
        opened, updated = (datetime.fromisoformat(one[name]) for name in ("opened_at", "updated_at"))
        closed = datetime.fromisoformat(one["closed_at"]) if one["closed_at"] else None
        yield opened.timestamp(), time_of(_Time(opened, updated, closed, one["symptomatic"]), end)


def _plain(one: Impact) -> dict[str, Any]:
    return {
        "series": one.series,
        "expected": one.expected,
        "seen": one.seen,
        "missed": one.missed,
        "share": one.share,
        "p": one.p,
    }
