"""What is pressed on an incident's page: done, or told why not, on the same page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, HTTPException, Path, Request, Response
from fastapi.responses import RedirectResponse

from agent.errors import ConflictError, NotFoundError, OpsmendError, RefusedError
from agent.records.feedback import FeedbackKind
from agent.records.tokens import Scope
from agent.response import Person
from agent.response.feedback_actions import FeedbackActions
from agent.web.access import GuardedRoute, needs
from agent.web.pages.forms import read_form
from agent.web.pages.incident import Notice, incident_page
from agent.web.parts import Agent, Asker, Parts

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

Id = Annotated[int, Path(ge=1, le=2**53)]
Done = Callable[[], Notice | None]


@router.post("/incidents/{incident_id}/decide", **needs(Scope.DECIDE))
async def decide(request: Request, incident_id: Id, agent: Agent, who: Asker) -> Response:
    """Say yes or no to the request that the page has shown, and to no other."""
    fields = await read_form(request)
    yes = fields.get("say") == "yes"

    def vote() -> Notice | None:
        newest = agent.stores.approvals.newest(incident_id)
        if newest is None or str(newest.id) != fields.get("approval"):
            raise ConflictError("opsmend asks for something else by now. Look at it again before you decide.")
        agent.operator_actions.vote(incident_id, yes, who, fields.get("comment", ""))
        return None

    return await _answer(request, incident_id, agent, who, vote)


@router.post("/incidents/{incident_id}/acknowledge", **needs(Scope.DECIDE))
async def acknowledge(request: Request, incident_id: Id, agent: Agent, who: Asker) -> Response:
    """Take the incident; from another person only when the page has shown that they have it."""
    fields = await read_form(request)

    def take() -> Notice | None:
        seen = fields.get("holder", "")
        holder = agent.stores.incidents.get(incident_id).acknowledged_by
        agent.operator_actions.acknowledge(incident_id, who, take_over=bool(seen) and seen == holder)
        return None

    return await _answer(request, incident_id, agent, who, take)


@router.post("/incidents/{incident_id}/run", **needs(Scope.DECIDE))
async def run(request: Request, incident_id: Id, agent: Agent, who: Asker) -> Response:
    """Ask for a remediation by name."""
    fields = await read_form(request)

    def ask() -> Notice | None:
        agent.operator_actions.ask_for_run(incident_id, fields.get("remediation", ""), who)
        return None

    return await _answer(request, incident_id, agent, who, ask)


@router.post("/incidents/{incident_id}/close", **needs(Scope.DECIDE))
async def close(request: Request, incident_id: Id, agent: Agent, who: Asker) -> Response:
    """Close an incident by hand."""
    fields = await read_form(request)

    def finish() -> Notice | None:
        agent.operator_actions.close(incident_id, who, fields.get("comment", ""))
        return None

    return await _answer(request, incident_id, agent, who, finish)


@router.post("/incidents/{incident_id}/cancel", **needs(Scope.DECIDE))
async def cancel(request: Request, incident_id: Id, agent: Agent, who: Asker) -> Response:
    """Cancel the run that is at work."""
    await read_form(request)

    def stop() -> Notice | None:
        run_id = agent.operator_actions.cancel(incident_id, who)
        return Notice("work", "Being cancelled.", f"Nothing of run {run_id} will be left on the host.")

    return await _answer(request, incident_id, agent, who, stop)


@router.post("/incidents/{incident_id}/feedback", **needs(Scope.DECIDE))
async def say(request: Request, incident_id: Id, agent: Agent, who: Asker) -> Response:
    """Keep what somebody says the incident was, or what fixed it."""
    fields = await read_form(request)
    kind = fields.get("kind", "")
    named = {"it_was": "fault", "fixed_by": "remediation"}.get(kind)
    if kind not in list(FeedbackKind) or (named and not fields.get(named)):
        raise HTTPException(422, "say what it was: right, wrong, another fault, or what fixed it")

    def keep() -> Notice | None:
        actions = FeedbackActions(agent.stores, agent.operator_actions, agent.clock)
        names = {named: fields[named]} if named else {}
        actions.about_incident(who, incident_id, FeedbackKind(kind), note=fields.get("note", ""), **names)
        return Notice("well", "Thank you.", "It counts when opsmend learns from this incident.")

    return await _answer(request, incident_id, agent, who, keep)


@router.post("/resume", **needs(Scope.DECIDE))
async def resume(request: Request, agent: Agent, who: Asker) -> Response:
    """End the pause that the page has shown, and no other."""
    pause = (await read_form(request)).get("pause", "")
    if not pause.isdecimal():
        raise NotFoundError("the form names no pause")
    await run_sync(agent.operator_actions.resume, who, int(pause))
    return RedirectResponse("/", 303)


async def _answer(request: Request, incident_id: int, agent: Parts, who: Person, do: Done) -> Response:
    """Do it and show the page anew, or show on it why it was not done."""
    try:
        notice = await run_sync(do)
    except NotFoundError:
        raise
    except (ConflictError, RefusedError) as error:
        status = 409 if isinstance(error, ConflictError) else 403
        notice = Notice("wait", "That was not done.", _sentence(error))
        return await run_sync(incident_page, request, incident_id, agent, who, status, notice)
    if notice is None:
        return RedirectResponse(f"/incidents/{incident_id}", 303)
    return await run_sync(incident_page, request, incident_id, agent, who, 200, notice)


def _sentence(error: OpsmendError) -> str:
    said = str(error)
    return said[:1].upper() + said[1:] + ("" if said.endswith(".") else ".")
