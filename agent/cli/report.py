"""``opsmend report``: the incidents of a stretch of time, and what they have in common, as a page or text."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from agent.cli.common import settings_and_stores
from agent.cli.output import console, print_json, write
from agent.cli.reportpage import render_html, render_markdown
from agent.collect.seriesfile import read_series
from agent.config.scalars import parse_duration
from agent.errors import ConfigError
from agent.investigation.retrospective import look_back


def make_report(
    config: Path | None, since: str, output: Path | None, impact: Path | None, json: bool
) -> None:
    """Report on the incidents of the last while. The name of ``output`` says the form: .html or .md."""
    try:
        length = parse_duration(since)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    settings, stores = settings_and_stores(config)
    end = datetime.now(UTC)
    business = read_series(impact)[0] if impact is not None else None
    content = look_back(stores, end - length, end, business)
    content["name"] = settings.agent.name
    if output is not None:
        page = render_html(content) if output.suffix in (".html", ".htm") else render_markdown(content)
        write(output, page.encode())
    if json:
        print_json(content)
    elif output is None:
        console.print(render_markdown(content), markup=False, soft_wrap=True)
