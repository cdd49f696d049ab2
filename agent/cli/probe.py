"""``opsmend probe``: a host in, what it says of itself out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from agent.check.identity import look_as_the_agent
from agent.check.site import with_folder
from agent.cli.investigation import probe_lines
from agent.cli.output import console, print_json
from agent.clock import SystemClock
from agent.collect.probes import Said, questions, read_answer
from agent.config import find_config_file, load_settings
from agent.decide.targets import resolve_target
from agent.errors import SourceUnreachable
from agent.remediate import HostAnswer
from agent.remediate.questions import Command
from agent.wiring import make_ansible


def probe_host(config: Path | None, host: str, unit: str, certificates: Sequence[str], json: bool) -> None:
    """Put every question to a host of the inventory and print what it answers, what is out of order first."""
    asked = questions(unit, certificates)
    said = _ask(config, host, [one.command for one in asked])
    now = SystemClock().now()
    answers = [
        read_answer(
            said.host,
            question,
            Said(text=one.text, complaint=one.complaint, code=one.code, seconds=one.seconds, user=said.user),
            now,
        )
        for question, one in zip(asked, said.spoken, strict=True)
    ]
    if json:
        print_json({"host": said.host, "answers": answers})
        return
    for line in probe_lines(answers):
        console.print(line.strip(), soft_wrap=True)
    for answer in answers:
        facts = "; ".join(f"{name} {value}" for name, value in list(answer.facts.items())[:8])
        if facts:
            console.print(f"[dim]{answer.probe}: {escape(facts)}[/]", soft_wrap=True)


def _ask(config: Path | None, host: str, commands: Sequence[Command]) -> HostAnswer:
    """Ask as the agent does, whose key and known hosts are what counts. Raises SourceUnreachable."""
    file = find_config_file(config).absolute()
    with tempfile.TemporaryDirectory(prefix="opsmend-probe-") as folder:
        another = look_as_the_agent(file, Path(folder))
        settings = load_settings(file)
        ansible = make_ansible(with_folder(settings, Path(folder)), SystemClock())
        inventory = ansible.inventory.read()
        target = resolve_target("{host}", {"host": host}, inventory.hosts)
        asked = {target.name: commands}
        within = settings.diagnose.probes.timeout
        said = ansible.questions().ask(inventory, asked, within, f"probe-{os.getpid()}")[target.name]
    if said.error:
        hint = f" (asked with your key, not {another}'s: use sudo)" if another else ""
        raise SourceUnreachable(f"{target.name} cannot be asked: {said.error}{hint}")
    return said
