"""``opsmend audit list|verify``."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.markup import escape

from agent.cli.common import settings_and_stores
from agent.cli.output import console, print_json, print_table


def list_audit(config: Path | None, subject: str | None, limit: int, json: bool) -> None:
    """List the newest entries."""
    _, stores = settings_and_stores(config)
    entries = stores.audit.list(subject, limit)
    if json:
        print_json(entries)
        return
    print_table(
        "Audit",
        ["id", "at (UTC)", "who", "what", "about", "detail"],
        [
            (
                one.id,
                f"{one.at:%m-%d %H:%M:%S}",
                one.actor,
                one.action,
                one.subject,
                ", ".join(f"{name}={value}" for name, value in one.detail.items() if value not in (None, "")),
            )
            for one in entries
        ],
    )


def verify_audit(config: Path | None, head: str | None, json: bool) -> None:
    """Walk the chain; exit with 1 when it is broken."""
    _, stores = settings_and_stores(config)
    state = stores.audit.verify(head)
    if json:
        print_json(state)
    elif state.broken_at is None:
        console.print(f"[green]intact[/]: {state.entries} entries, head {state.head}")
    else:
        console.print(f"[red]broken[/] at entry {state.broken_at}: {escape(state.why)}")
    if state.broken_at is not None:
        sys.exit(1)
