"""``opsmend incidents``."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape

from agent.cli.common import settings_and_stores
from agent.cli.output import Markup, ago, console, print_json, print_table, styled
from agent.records import Incident, IncidentState


def list_incidents(config: Path | None, everything: bool, limit: int, json: bool) -> None:
    """List incidents."""
    _, stores = settings_and_stores(config)
    states = () if everything else [state for state in IncidentState if not state.final]
    found = stores.incidents.list(states, limit)
    if json:
        print_json(found)
    elif not found:
        console.print("no incidents" if everything else "no open incidents; --all shows those that are over")
    else:
        print_table(
            "Incidents", ["id", "opened", "state", "what, and why it is in this state"], map(_row, found)
        )


def _row(incident: Incident) -> list[object]:
    sure = f" ({incident.best.confidence:.2f})" if incident.best else ""
    why = "; ".join(filter(None, [incident.reason.text if incident.reason else "", incident.detail]))
    return [
        incident.id,
        ago(incident.opened_at),
        styled(incident.state),
        Markup(f"{escape(incident.title)}{sure}\n[dim]{escape(why)}[/]" if why else escape(incident.title)),
    ]
