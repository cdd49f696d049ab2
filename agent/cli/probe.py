"""``opsmend probe``: a host in, what it says of itself out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from agent.cli.output import console, print_json
from agent.clock import SystemClock
from agent.collect.probes import HostProbes, questions


def probe_host(
    host: str, unit: str, certificates: Sequence[str], ssh_config: Path | None, json: bool
) -> None:
    """Put every question to a host and print what it answers, what is out of order first."""
    answers = HostProbes(SystemClock(), ssh_config=ssh_config).ask(host, questions(unit, certificates))
    if json:
        print_json({"host": host, "answers": answers})
        return
    for answer in answers:
        if answer.error:
            console.print(f"[yellow]{answer.probe}: {escape(answer.error)}[/]", soft_wrap=True)
        for finding in answer.findings:
            console.print(f"[red]{answer.probe}: {escape(finding)}[/]", soft_wrap=True)
    for answer in answers:
        facts = "; ".join(f"{name} {value}" for name, value in list(answer.facts.items())[:8])
        if facts:
            console.print(f"[dim]{answer.probe}: {escape(facts)}[/]", soft_wrap=True)
