"""Signing in with a token, and out again."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from agent.records.tokens import Scope
from agent.web.access import GuardedRoute, needs, public
from agent.web.access.callers import COOKIE
from agent.web.access.issued import Credentials
from agent.web.pages.forms import read_form
from agent.web.pages.render import page
from agent.web.parts import Agent

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)


@router.get("/sign-in", **public())
def show_sign_in(request: Request, next: str = "/") -> Response:  # noqa: A002 (the name in the address)
    """Ask for a token."""
    return page(request, "sign_in.html", target=_inside(next), said="")


@router.post("/sign-in", **public())
async def sign_in(request: Request, agent: Agent) -> Response:
    """Begin a session with a token."""
    fields = await read_form(request)
    target = _inside(fields.get("next", "/"))
    token = await request.app.state.gate.check_token(request, fields.get("token", "").strip())
    if token is None:
        return page(request, "sign_in.html", 401, target=target, said="That token opens nothing here.")
    credentials: Credentials = request.app.state.credentials
    lasts = request.app.state.api.session
    cookie = credentials.begin_session(token, agent.clock.now(), lasts)
    answer = RedirectResponse(target, 303)
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=int(lasts.total_seconds()),
        httponly=True,
        samesite="lax",
        # behind a proxy with TLS the browser sees https, and uvicorn does not
        secure=request.app.state.secure,
    )
    return answer


@router.post("/sign-out", **needs(Scope.LOOK))
async def sign_out(request: Request) -> Response:
    """End the session."""
    await read_form(request)
    cookie = request.cookies.get(COOKIE)
    if cookie:
        request.app.state.credentials.end_session(cookie)
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(COOKIE)
    return answer


def _inside(target: str) -> str:
    """Return where to go after signing in: a path of our own, and nowhere else."""
    own = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if own else "/"
