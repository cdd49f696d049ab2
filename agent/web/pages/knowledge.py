"""What the agent knows and can do: remediations with their record, patterns, models, settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from agent.config.scalars import format_duration
from agent.decide import Remediation
from agent.errors import NotFoundError
from agent.investigation.retrospective import look_back
from agent.records import Verdict
from agent.records.tokens import Scope
from agent.store.run_index import RemediationRecord, RunFilter
from agent.web.access import GuardedRoute, needs
from agent.web.pages.render import page
from agent.web.parts import Agent

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

_DAYS = 30
Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


@dataclass(frozen=True, slots=True)
class ShownRemediation:
    """A remediation with what came of it so far."""

    remediation: Remediation
    record: RemediationRecord


@router.get("/remediations", **needs(Scope.LOOK))
def list_remediations(request: Request, agent: Agent) -> Response:
    """List the remediations, those that ran most first."""
    records = agent.stores.run_index.records()
    shown = [
        ShownRemediation(one, records.get(name, RemediationRecord(remediation=name)))
        for name, one in agent.current.catalog().items()
    ]
    shown.sort(key=lambda one: (-one.record.runs, one.remediation.name))
    return page(request, "remediations.html", remediations=shown)


@router.get("/remediations/{name}", **needs(Scope.LOOK))
def show_remediation(request: Request, name: Name, agent: Agent) -> Response:
    """Show one remediation: what it does, how it is proved, what came of it."""
    remediation = agent.current.catalog().get(name)
    if remediation is None:
        raise NotFoundError(f"there is no remediation {name}")
    record = agent.stores.run_index.records().get(name, RemediationRecord(remediation=name))
    runs = agent.stores.run_index.page(RunFilter(remediation=name), 30)
    return page(
        request,
        "remediation.html",
        remediation=remediation,
        record=record,
        runs=runs,
        recovered=Verdict.RECOVERED,
        duration=format_duration,
    )


@router.get("/patterns", **needs(Scope.LOOK))
def show_patterns(request: Request, agent: Agent) -> Response:
    """Show what the incidents of a month have in common."""
    end = agent.clock.now()
    content = look_back(agent.stores, end - timedelta(days=_DAYS), end)
    firm = [one for one in content["patterns"] if one["significant"]]
    days = [(str(one["day"]), one["incidents"]) for one in content["per_day"]]
    return page(request, "patterns.html", content=content, firm=firm, days=days, span=_DAYS)


@router.get("/models", **needs(Scope.LOOK))
def show_models(request: Request, agent: Agent) -> Response:
    """Show the models of whole entities: in use, since when, how training goes."""
    return page(request, "models.html", models=agent.status()["entity_models"])


@router.get("/settings", **needs(Scope.LOOK))
def show_settings(request: Request, agent: Agent) -> Response:
    """Show the settings in force. Nothing can be changed here."""
    policy = agent.current.policy().model_dump(mode="json", by_alias=True)
    plain = agent.settings.model_dump(mode="json")
    return page(request, "settings.html", sections=_flat(plain), policy=policy["remediations"])


def _flat(settings: Mapping[str, Any]) -> Sequence[tuple[str, Sequence[tuple[str, str]]]]:
    """Return each section with its settings in lines; of secrets only the place is a setting."""
    return [(name, list(_lines(section, ""))) for name, section in settings.items()]


def _lines(value: Any, key: str) -> Sequence[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        return [
            line for name, inner in value.items() for line in _lines(inner, f"{key}.{name}" if key else name)
        ]
    if isinstance(value, list):
        return [(key, ", ".join(map(str, value)) or "none")]
    return [(key, "not set" if value is None or value == {} else str(value))]
