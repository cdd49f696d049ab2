"""What became of what people said of diagnoses, and whose words were mostly not taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request, Response

from agent.learn.proposals import doubtful_authors
from agent.records.feedback import Feedback
from agent.records.tokens import Scope
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Success, reading
from agent.web.parts import Agent

router = APIRouter(prefix="/api/v1", route_class=GuardedRoute, tags=["feedback"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownProposal:
    """One thing that was said, and its state: ``waiting``, ``accepted``, ``refused`` or ``undone``."""

    feedback: Feedback
    state: str
    at: datetime | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtfulAuthor:
    """Somebody most of whose words would have made it worse."""

    author: str
    worse: int
    said: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposals:
    """What became of what people said, the newest first."""

    proposals: Sequence[ShownProposal]
    doubtful: Sequence[DoubtfulAuthor]


@router.get("/proposals", **needs(Scope.LOOK), **reading(Success[Proposals]))
def list_proposals(request: Request, agent: Agent) -> Response:
    """Show what became of what people said of diagnoses, by which figures, and who is mostly not right."""
    said = agent.stores.feedback.list(about_incidents=True, limit=200)
    settled = agent.stores.proposals.all()
    shown = []
    for one in said:
        found = settled.get(one.id)
        shown.append(
            ShownProposal(
                feedback=one,
                state=found.state.value if found else "waiting",
                at=found.at if found else None,
                why=found.why if found else "it is judged within a minute",
            )
        )
    states = {number: one.state for number, one in settled.items()}
    doubtful = doubtful_authors({one.id: one.author for one in said}, states)
    named = [
        DoubtfulAuthor(author=author, worse=bad, said=count) for author, (bad, count) in doubtful.items()
    ]
    return success(request, Proposals(proposals=shown, doubtful=named))
