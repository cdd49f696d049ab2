"""The HTTP API: one module per resource, each route with the scope that it needs."""

from fastapi import APIRouter

from agent.web.api import (
    agentstatus,
    anomalies,
    approvals,
    audit,
    decisions,
    definitions,
    diagnosis,
    document,
    events,
    feedback,
    forecasts,
    health,
    incidents,
    models,
    pause,
    proposals,
    remediation,
    report,
    runs,
    tokens,
    trackrecords,
    training,
    whynot,
)


def resources() -> list[APIRouter]:
    """Return all routers but that of alerts, which takes webhooks at any path that nothing else is at."""
    return [
        health.router,
        document.router,
        agentstatus.router,
        anomalies.router,
        feedback.router,
        proposals.router,
        forecasts.router,
        incidents.router,
        decisions.router,
        approvals.router,
        whynot.router,
        pause.router,
        report.router,
        runs.router,
        definitions.router,
        trackrecords.router,
        models.router,
        diagnosis.router,
        remediation.router,
        training.router,
        events.router,
        audit.router,
        tokens.router,
    ]
