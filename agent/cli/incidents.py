"""``opsmend incidents``: what is open, by filters, once or again and again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from rich import box
from rich.console import RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from agent.cli.agentapi import AgentApi, agent_api
from agent.cli.options import span_of
from agent.cli.output import ago, console, print_json, styled
from agent.reasons import Reason
from agent.records.incidents import ACTIVE_STATES, IncidentState

_WATCH_EVERY_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which incidents, as the command line says it."""

    everything: bool = False
    states: Sequence[str] = ()
    host: str | None = None
    entity: str | None = None
    since: str | None = None
    limit: int = 50


def list_incidents(config: Path | None, wanted: Wanted, watch: bool, json: bool) -> None:
    """List incidents; with ``watch`` until somebody interrupts it."""
    query = _query(wanted)
    api = agent_api(config)
    found = list(api.pages("/api/v1/incidents", wanted.limit, **query))
    if json:
        print_json(found)
    elif watch:
        _watch(api, wanted, query, found)
    else:
        console.print(_table(found, wanted))


def _query(wanted: Wanted) -> Mapping[str, Any]:
    known = [state.value for state in IncidentState]
    states = [state.replace(" ", "_").replace("-", "_") for state in wanted.states]
    for state in states:
        if state not in known:
            raise typer.BadParameter(
                f"there is no state '{state}'; known: {', '.join(known)}", param_hint="--state"
            )
    if not states and not wanted.everything:
        states = [state.value for state in ACTIVE_STATES]
    span = span_of("--since", wanted.since) if wanted.since is not None else None
    since = (datetime.now(UTC) - span).isoformat() if span else None
    return {"state": states or None, "host": wanted.host, "entity": wanted.entity, "since": since}


def _watch(api: AgentApi, wanted: Wanted, query: Mapping[str, Any], found: list[Any]) -> None:
    try:
        with Live(
            _table(found, wanted), console=console, auto_refresh=False, screen=console.is_terminal
        ) as live:
            while True:
                time.sleep(_WATCH_EVERY_S)
                found = list(api.pages("/api/v1/incidents", wanted.limit, **query))
                live.update(_table(found, wanted), refresh=True)
    except KeyboardInterrupt:
        return


def _table(found: Sequence[Mapping[str, Any]], wanted: Wanted) -> RenderableType:
    if not found:
        narrowed = wanted.states or wanted.host or wanted.entity or wanted.since
        if narrowed:
            return "no such incidents"
        return "no incidents" if wanted.everything else "no open incidents; --all shows those that are over"
    table = Table(title="Incidents", title_justify="left", header_style="bold", box=box.SIMPLE_HEAD)
    for column in ("id", "opened", "state"):
        table.add_column(column, no_wrap=True)
    table.add_column("what, and why it is in this state", overflow="fold")
    for one in found:
        reason = Reason(one["reason"]).text if one["reason"] else ""
        holder = f"{one['acknowledged_by']} has it" if one["acknowledged_by"] else ""
        why = "; ".join(filter(None, [holder, reason, one["detail"]]))
        table.add_row(
            str(one["id"]),
            ago(datetime.fromisoformat(one["opened_at"])),
            styled(one["state"]),
            escape(one["title"]) + (f"\n[dim]{escape(why)}[/]" if why else ""),
        )
    return table
