"""``opsmend tokens new|list|revoke``: who may come in over the port."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import TypeAdapter
from rich.markup import escape

from agent.cli.agentapi import agent_api
from agent.cli.options import span_of
from agent.cli.output import ago, console, print_json, print_table
from agent.records.tokens import Scope, Token


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
    if duration is not None:
        span_of("--for", duration)  # which says what is wrong with it
    wanted = {"person": person, "scope": scope.value, "role": role, "for": duration, "note": note}
    told = agent_api(config).post("/api/v1/tokens", wanted)
    if json:
        print_json(told)
        return
    token, secret = _read(told["token"]), told["secret"]
    console.print(f"Token {token.id} for {escape(person)}, scope {scope.value}{_ends(token)}.")
    console.print("It is shown this once; keep it where only its user can read it:")
    console.print(f"  {secret}", soft_wrap=True, highlight=False)


def list_tokens(config: Path | None, json: bool) -> None:
    """List the tokens that were issued."""
    told = agent_api(config).get("/api/v1/tokens")
    if json:
        print_json(told)
        return
    found = map(_read, told)
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
    told = agent_api(config).delete(f"/api/v1/tokens/{quote(token_id, safe='')}")
    if json:
        print_json(told)
    else:
        token = _read(told)
        console.print(f"token {token.id} of {escape(token.person)} opens nothing any more")


def _read(plain: Any) -> Token:
    return TypeAdapter(Token).validate_python(plain)


def _ends(token: Token) -> str:
    return f", until {token.expires_at:%Y-%m-%d %H:%M} UTC" if token.expires_at else ""


def _state(token: Token, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return f"valid{_ends(token)}" if token.is_valid(now) else "expired"


def _used(token: Token, now: datetime) -> str:
    return ago(token.last_used_at, now) if token.last_used_at else "never"
