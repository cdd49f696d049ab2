"""What the shell may complete: asked of the agent, and nothing where it does not answer at once."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

_MOST = 200
_WITHIN_S = 1.0
_FILES = "*/remediation.yml"


def incident_ids(incomplete: str) -> list[tuple[str, str]]:
    """Return the numbers of incidents that are not over, with what each is."""
    found = _asked("/api/v1/incidents", state=_active_states())
    return [(str(one["id"]), one["title"]) for one in found if str(one["id"]).startswith(incomplete)]


def hosts(incomplete: str) -> list[str]:
    """Return hosts that had incidents."""
    found = {one["host"] for one in _asked("/api/v1/incidents") if one["host"]}
    return sorted(name for name in found if name.startswith(incomplete))


def remediations(incomplete: str) -> list[str]:
    """Return the stock and local remediations."""
    from agent.config.stock import default_folders

    found = {file.parent.name for folder in default_folders("playbooks") for file in folder.glob(_FILES)}
    return sorted(name for name in found if name.startswith(incomplete))


def states(incomplete: str) -> list[str]:
    """Return the states of an incident."""
    from agent.records.incidents import IncidentState

    return [state.value for state in IncidentState if state.value.startswith(incomplete)]


def _active_states() -> list[str]:
    from agent.records.incidents import ACTIVE_STATES

    return [state.value for state in ACTIVE_STATES]


def _asked(path: str, **query: Any) -> list[dict[str, Any]]:
    from agent.cli.agentapi import running_agent_api

    with suppress(Exception):  # whatever is wrong, a completion is no place to say it
        return list(running_agent_api(_WITHIN_S).pages(path, _MOST, **query))
    return []
