"""``opsmend tokens new|list|revoke``: who may come in over the port."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rich.markup import escape

from agent.cli.common import settings_and_stores
from agent.cli.output import ago, console, print_json, print_table
from agent.clock import SystemClock
from agent.config.scalars import parse_duration
from agent.errors import OpsmendError
from agent.records.tokens import Scope, Token
from agent.response import person_at_the_keyboard
from agent.response.token_actions import TokenActions
from agent.wiring import make_operator_actions


def issue(
    config: Path | None,
    person: str,
    scope: Scope,
    role: str | None,
    duration: str | None,
    note: str,
    json: bool,
) -> None:
    """Issue a token and print it."""
    try:
        span = parse_duration(duration) if duration else None
    except ValueError as error:
        raise OpsmendError(f"--for: {error}") from error
    until = datetime.now(UTC) + span if span else None
    token, secret = _actions(config).issue(person_at_the_keyboard(), person, scope, role, until, note)
    if json:
        print_json({"token": token, "secret": secret})
        return
    console.print(f"Token {token.id} for {escape(person)}, scope {scope.value}{_ends(token)}.")
    console.print("It is shown this once; keep it where only its user can read it:")
    console.print(f"  {secret}", soft_wrap=True, highlight=False)


def list_tokens(config: Path | None, json: bool) -> None:
    """List the tokens that were issued."""
    found = _actions(config).list(person_at_the_keyboard())
    if json:
        print_json(found)
        return
    now = datetime.now(UTC)
    print_table(
        "Tokens",
        ["id", "for", "scope", "role", "state", "last used", "note"],
        [
            (one.id, one.person, one.scope, one.role or "", _state(one, now), _used(one, now), one.note)
            for one in found
        ],
    )


def revoke(config: Path | None, token_id: str, json: bool) -> None:
    """Let a token open nothing any more."""
    token = _actions(config).revoke(person_at_the_keyboard(), token_id)
    if json:
        print_json(token)
    else:
        console.print(f"token {token.id} of {escape(token.person)} opens nothing any more")


def _actions(config: Path | None) -> TokenActions:
    settings, stores = settings_and_stores(config)
    clock = SystemClock()
    return TokenActions(stores, make_operator_actions(settings, stores, clock), clock)


def _ends(token: Token) -> str:
    return f", until {token.expires_at:%Y-%m-%d %H:%M} UTC" if token.expires_at else ""


def _state(token: Token, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return f"valid{_ends(token)}" if token.is_valid(now) else "expired"


def _used(token: Token, now: datetime) -> str:
    return ago(token.last_used_at, now) if token.last_used_at else "never"
