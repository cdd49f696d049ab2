"""The pages, drawn on the server: they work without JavaScript, and nothing of them comes from afar."""

from fastapi import APIRouter

from agent.web.pages import (
    answer,
    assets,
    incident,
    incident_actions,
    knowledge,
    lists,
    now,
    sign_in,
    why_not,
)


def pages() -> list[APIRouter]:
    """Return the routers of all pages."""
    return [
        assets.router,
        sign_in.router,
        answer.router,
        now.router,
        lists.router,
        incident.router,
        incident_actions.router,
        why_not.router,
        knowledge.router,
    ]
