"""The HTTP API: one module per resource, each route with the scope that it needs."""

from fastapi import APIRouter

from agent.web.api import (
    agentstatus,
    alerts,
    anomalies,
    audit,
    decisions,
    document,
    health,
    incidents,
    pause,
    report,
    tokens,
)


def resources() -> list[APIRouter]:
    """Return all routers. Alerts' comes last: it takes webhooks at any path that nothing else is at."""
    return [
        health.router,
        document.router,
        agentstatus.router,
        anomalies.router,
        incidents.router,
        decisions.router,
        pause.router,
        report.router,
        audit.router,
        tokens.router,
        alerts.router,
    ]
