"""``opsmend probe``: a host in, what it says of itself out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from agent.cli.investigation import probe_lines
from agent.cli.output import console, print_json
from agent.clock import SystemClock
from agent.collect.probes import Said, questions, read_answer
from agent.config import find_config_file, load_settings
from agent.decide.targets import resolve_target
from agent.errors import SourceUnreachable
from agent.wiring import make_ansible


def probe_host(config: Path | None, host: str, unit: str, certificates: Sequence[str], json: bool) -> None:
    """Put every question to a host of the inventory and print what it answers, what is out of order first."""
    settings = load_settings(find_config_file(config))
    clock = SystemClock()
    ansible = make_ansible(settings, clock)
    inventory = ansible.inventory.read()
    target = resolve_target("{host}", {"host": host}, inventory.hosts)
    asked = questions(unit, certificates)
    mark = f"probe-{os.getpid()}"
    said = ansible.questions().ask(
        inventory, {target.name: [one.command for one in asked]}, settings.diagnose.probes.timeout, mark
    )[target.name]
    if said.error:
        raise SourceUnreachable(f"{target.name} cannot be asked: {said.error}")
    answers = [
        read_answer(
            target.name,
            question,
            Said(text=one.text, complaint=one.complaint, code=one.code, seconds=one.seconds, user=said.user),
            clock.now(),
        )
        for question, one in zip(asked, said.spoken, strict=True)
    ]
    if json:
        print_json({"host": target.name, "answers": answers})
        return
    for line in probe_lines(answers):
        console.print(line.strip(), soft_wrap=True)
    for answer in answers:
        facts = "; ".join(f"{name} {value}" for name, value in list(answer.facts.items())[:8])
        if facts:
            console.print(f"[dim]{answer.probe}: {escape(facts)}[/]", soft_wrap=True)
