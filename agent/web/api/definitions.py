"""What contributors wrote and the agent goes by: rules, faults, remediations with their record, windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from agent.decide import Remediation
from agent.decide.policy import ends_at
from agent.errors import NotFoundError
from agent.records.tokens import Scope
from agent.store.run_index import RemediationRecord
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Success, reading
from agent.web.parts import Agent, Parts

router = APIRouter(prefix="/api/v1", route_class=GuardedRoute, tags=["definitions"])

Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRule:
    """A rule of the diagnosis; ``when`` is its condition as it is written."""

    id: str
    fault: str
    entity: str
    confidence: float
    evidence: str
    when: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFault:
    """A kind of trouble."""

    id: str
    summary: str
    severity: str
    causes: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRemediation:
    """A remediation as its author wrote it, and what came of it here."""

    name: str
    digest: str
    summary: str
    fixes: Sequence[str]
    risk: str
    idempotent: bool
    priority: int
    record: RemediationRecord
    file: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownWindow:
    """A time in which nothing is started. ``open_until`` is null while it is not open."""

    id: str
    when: Mapping[str, Any]
    cron: str | None
    duration: str | None
    timezone: str
    begins_at: datetime | None
    ends_at: datetime | None
    open_until: datetime | None


@router.get("/rules", **needs(Scope.LOOK), **reading(Success[list[ShownRule]]))
def list_rules(request: Request, agent: Agent, fault: str | None = None) -> Response:
    """List the rules of the diagnosis in force, or those that name a fault."""
    found = [
        ShownRule(
            id=one.id,
            fault=one.fault,
            entity=one.entity,
            confidence=one.confidence,
            evidence=one.evidence,
            when=one.when.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        )
        for one in agent.current.book().rules.values()
        if fault in (None, one.fault)
    ]
    return success(request, found)


@router.get("/faults", **needs(Scope.LOOK), **reading(Success[list[ShownFault]]))
def list_faults(request: Request, agent: Agent) -> Response:
    """List the catalogue of faults."""
    faults = agent.current.book().faults.values()
    found = [
        ShownFault(id=one.id, summary=one.summary, severity=one.severity, causes=one.causes) for one in faults
    ]
    return success(request, found)


@router.get("/remediations", **needs(Scope.LOOK), **reading(Success[list[ShownRemediation]]))
def list_remediations(request: Request, agent: Agent, fixes: str | None = None) -> Response:
    """List the remediations in force with what came of them, or those that fix a fault."""
    records = agent.stores.run_index.records()
    catalog = agent.current.catalog().values()
    found = [_shown(one, records) for one in catalog if fixes is None or fixes in one.file.fixes]
    return success(request, found)


@router.get("/remediations/{name}", **needs(Scope.LOOK), **reading(Success[ShownRemediation], 404))
def show_remediation(request: Request, name: Name, agent: Agent) -> Response:
    """Show one remediation with what came of it."""
    found = agent.current.catalog().get(name)
    if found is None:
        raise NotFoundError(f"there is no remediation {name}")
    return success(request, _shown(found, agent.stores.run_index.records()))


@router.get("/windows", **needs(Scope.LOOK), **reading(Success[list[ShownWindow]]))
def list_windows(request: Request, agent: Agent) -> Response:
    """List the maintenance windows of the policy, and until when each is open."""
    return success(request, _windows(agent))


def _shown(one: Remediation, records: Mapping[str, RemediationRecord]) -> ShownRemediation:
    return ShownRemediation(
        name=one.name,
        digest=one.digest,
        summary=one.file.summary,
        fixes=one.file.fixes,
        risk=one.file.risk,
        idempotent=one.file.idempotent,
        priority=one.file.priority,
        record=records.get(one.name, RemediationRecord(remediation=one.name)),
        file=one.file.model_dump(mode="json", by_alias=True, exclude_none=True),
    )


def _windows(agent: Parts) -> list[ShownWindow]:
    now = agent.clock.now()
    return [
        ShownWindow(
            id=one.id,
            when=one.when.model_dump(mode="json", by_alias=True, exclude_none=True),
            cron=one.cron,
            duration=one.model_dump(mode="json")["duration"],
            timezone=one.timezone,
            begins_at=one.from_,
            ends_at=one.until,
            open_until=ends_at(one, now),
        )
        for one in agent.current.policy().windows
    ]
