"""``opsmend audit list|verify``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.padding import Padding

from agent.cleantext import clean
from agent.cli.agentapi import agent_api
from agent.cli.common import settings_and_stores
from agent.cli.output import console, print_json
from agent.store.auditchain import ChainState, read_links, walk

_LONGEST = 160  # letters of one value; --json has all of them


def list_audit(config: Path | None, subject: str | None, limit: int, json: bool) -> None:
    """List the newest entries."""
    entries = agent_api(config).pages("/api/v1/audit", limit, subject=subject)
    if json:
        print_json(list(entries))
        return
    for entry in entries:
        _print(entry)


def _print(entry: Mapping[str, Any]) -> None:
    at = datetime.fromisoformat(entry["at"])
    words = [clean(str(entry[name]), _LONGEST) for name in ("actor", "action", "subject")]
    actor, action, about = map(escape, words)
    console.print(
        f"[bold]{entry['id']}[/] {at:%Y-%m-%d %H:%M:%S} UTC [bold]{actor}[/] {action} [bold]{about}[/]",
        soft_wrap=False,
    )
    for line in _details(entry["detail"]):
        console.print(Padding(f"[dim]{escape(line)}[/]", (0, 0, 0, 4)))


def _details(detail: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is known besides, a line for each value, long ones cut and many counted."""
    for name, value in detail.items():
        if value in (None, "", [], {}):
            continue
        if isinstance(value, Mapping):
            told = (
                f"{len(value)} of them" if len(value) > 3 else ", ".join(f"{k} {v}" for k, v in value.items())
            )
        else:
            told = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield f"{clean(name, _LONGEST)}: {clean(told, _LONGEST)}"


def export_audit(config: Path | None, file: Path, json: bool) -> None:
    """Write the whole chain into a file; exit with 1 when it is broken."""
    settings, stores = settings_and_stores(config)
    _say(stores.audit.export(file.absolute(), settings.audit_folder), json)


def verify_audit(config: Path | None, head: str | None, file: Path | None, json: bool) -> None:
    """Have the agent walk its chain, or walk that of a part in a file; exit with 1 when it is broken."""
    if file is not None:
        state = walk(read_links(file))
        if state.broken_at is None and head is not None and head != state.head:
            why = f"it ends with {state.head}, not with the given head"
            state = replace(state, broken_at=state.last_id + 1, why=why)
    else:
        state = ChainState(**agent_api(config).get("/api/v1/audit/chain", head=head))
    _say(state, json)


def _say(state: ChainState, json: bool) -> None:
    if json:
        print_json(state)
    elif state.broken_at is None:
        console.print(f"[green]intact[/]: {state.entries} entries, head {state.head}")
    else:
        console.print(f"[red]broken[/] at entry {state.broken_at}: {escape(state.why)}")
    if state.broken_at is not None:
        sys.exit(1)
