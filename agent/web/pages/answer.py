"""The page that a link in a message opens: one person's answer to one request. Looking changes nothing."""

from __future__ import annotations

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, HTTPException, Path, Request, Response

from agent.errors import ConflictError, OpsmendError, RefusedError
from agent.notify.links import PATH, link_id
from agent.records.links import DecisionLink
from agent.records.tokens import Scope
from agent.response import Person
from agent.web.access import Caller, GuardedRoute, public
from agent.web.pages.forms import read_form
from agent.web.pages.incident import Notice, look
from agent.web.pages.render import page
from agent.web.parts import Agent, Parts

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

Secret = Annotated[str, Path(min_length=20, max_length=200)]
_OVER = "This link opens nothing any more. It was good for one request, and that is over."


@router.get(PATH + "{secret}", **public())
async def show_request(request: Request, secret: Secret, agent: Agent) -> Response:
    """Show the request that the link is for. Programs that follow links in mails change nothing by it."""
    link, person = await _open(request, secret, agent)
    return await run_sync(_page, request, link, person, agent, 200, None)


@router.post(PATH + "{secret}", **public())
async def answer(request: Request, secret: Secret, agent: Agent) -> Response:
    """Say yes or no to this request, as the person whom the link was sent to."""
    link, person = await _open(request, secret, agent)
    fields = await read_form(request)
    yes = fields.get("say") == "yes"

    def vote() -> None:
        newest = agent.stores.approvals.newest(link.incident_id)
        if newest is None or newest.id != link.approval_id:
            raise ConflictError("opsmend asks for something else by now; the link was for another plan")
        agent.operator_actions.vote(link.incident_id, yes, person, fields.get("comment", ""))

    try:
        await run_sync(vote)
    except (ConflictError, RefusedError) as error:
        status = 409 if isinstance(error, ConflictError) else 403
        return await run_sync(_page, request, link, person, agent, status, _not_done(error))
    done = Notice("well", "Thank you.", "Your answer was taken. You can close this page.")
    return await run_sync(_page, request, link, person, agent, 200, done)


async def _open(request: Request, secret: str, agent: Parts) -> tuple[DecisionLink, Person]:
    """Return the link and the person it is for. Raises HTTPException 403, 404, 429."""
    await request.app.state.gate.check_failures(request)
    link = await run_sync(agent.stores.links.find, link_id(secret), agent.clock.now())
    if link is None:
        request.app.state.gate.count_failure(request)
        raise HTTPException(404, _OVER)
    person = await request.app.state.people.named(link.person)
    key = f"link of {link.person}"
    request.state.caller = Caller(person=person, scope=Scope.DECIDE, via="link", key=key, secret=secret)
    return link, person


def _page(
    request: Request, link: DecisionLink, person: Person, agent: Parts, status: int, notice: Notice | None
) -> Response:
    shown = look(link.incident_id, agent, person, Scope.DECIDE)
    asked = shown.request
    same = asked is not None and asked.approval.id == link.approval_id
    answer = page(
        request, "answer.html", status, shown=shown, same=same, notice=notice, target=request.url.path
    )
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


def _not_done(error: OpsmendError) -> Notice:
    said = str(error)
    return Notice("wait", "That was not done.", f"{said[:1].upper()}{said[1:].rstrip('.')}.")
