"""The inventory looked at, and every host of it asked: is it who is meant, and who are we there?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from agent.check.lines import Line, good, missing, wrong
from agent.decide.ambiguity import compare_with_metrics, find_doubts
from agent.errors import ConfigError
from agent.remediate import HostAnswer, Inventory
from agent.remediate.environment import OVERRIDES
from agent.remediate.questions import Command
from agent.wiring import AnsibleParts
from agent.wiring.timezones import VARIABLE, unknown_zones

_TIMEOUT = timedelta(seconds=10)
_MOST_NAMED = 20
_VERSION: Command = ("python3", "--version")


@dataclass(frozen=True, slots=True)
class Answers:
    """What hosts said when they were asked: a line of each, and the programs that each has."""

    lines: Sequence[Line] = ()
    programs: Mapping[str, frozenset[str]] = field(default_factory=dict)


def check_ansible(ansible: AnsibleParts, as_agent: bool = True) -> Iterator[Line]:
    """Yield how Ansible is configured. Raises RunError when it refuses its configuration."""
    config = ansible.config.current()
    decided = ", ".join(name.removeprefix("ANSIBLE_").lower() for name in OVERRIDES)
    yield good("ansible.cfg", f"{config.file or 'there is none'}; the agent itself decides {decided}")
    for identity in config.prompts:
        text = f"vault identity '{identity}' asks a person, and the agent has nobody to ask: name a file"
        yield wrong("ansible.cfg", text)
    for file in config.vault_files:
        if as_agent and not os.access(file, os.R_OK):
            yield wrong("ansible.cfg", f"{file}, which opens a vault, cannot be read")
    try:
        ansible.snapshots.check()
    except ConfigError as error:
        for problem in error.problems:
            yield wrong("ansible.cfg", str(problem))


def check_inventory(inventory: Inventory, scraped: frozenset[str] | None) -> Iterator[Line]:
    """Yield what the inventory leaves open.

    ``scraped`` are the hosts that Prometheus has, None where it did not answer.
    """
    if not inventory.hosts:
        yield wrong("inventory", "has no hosts")
        return
    yield good("inventory", f"{len(inventory.hosts)} hosts")
    for warning in inventory.warnings:
        yield missing("inventory", f"Ansible warns: {warning}")
    for doubt in find_doubts(inventory.hosts):
        yield (wrong if doubt.grave else missing)(doubt.what, doubt.text)
    for name, zone in unknown_zones(inventory):
        yield wrong("inventory", f"{VARIABLE} of {name} is '{zone}', which is no time zone")
    if scraped is None:
        return
    strangers, unseen = compare_with_metrics(inventory.hosts, scraped)
    if len(unseen) == len(inventory.hosts):
        yield wrong(
            "inventory",
            f"no host of it is called as Prometheus calls hosts ({_named(sorted(scraped))}): nothing would "
            "be repaired; say the domain in opsmend_host_suffixes, or other names in opsmend_aliases",
        )
    elif strangers:
        hint = "add them, or what they are called to opsmend_aliases, or the domain to opsmend_host_suffixes"
        yield missing("inventory", f"Prometheus has hosts that it lacks: {_named(strangers)} ({hint})")


def ask_hosts(
    ansible: AnsibleParts, inventory: Inventory, scraped: frozenset[str] | None, programs: Sequence[str]
) -> Answers:
    """Ask every host who we are there and which programs it has. Raises RunError."""
    command: Command = ("sh", "-c", 'for name; do command -v "$name" && echo; done', "look", *programs)
    asked: dict[str, list[Command]] = {
        name: [_VERSION, command] for name in sorted(inventory.hosts) if name in inventory.where
    }
    found = ansible.questions().ask(inventory, asked, _TIMEOUT, f"check-{os.getpid()}")
    lines = [_line_of(answer, _called(inventory, answer.host, scraped)) for answer in found.values()]
    return Answers(
        lines,
        {
            host: frozenset(line.rpartition("/")[2] for line in answer.spoken[1].text.split())
            for host, answer in found.items()
            if len(answer.spoken) == 2
        },
    )


def _called(inventory: Inventory, host: str, scraped: frozenset[str] | None) -> str:
    """Return what Prometheus calls a host, in words."""
    if scraped is None:
        return ""
    names = sorted(name for name in scraped if inventory.hosts[host].is_called(name))
    return f"Prometheus calls it {', '.join(names)}" if names else "Prometheus has nothing of it"


def _line_of(answer: HostAnswer, called: str) -> Line:
    what = f"host {answer.host}"
    if answer.error:
        return wrong(what, f"{answer.error}{_also(called)}")
    python = answer.spoken[0].text.strip() if answer.spoken else ""
    if answer.uid != 0:
        return wrong(
            what,
            f"answers to {answer.user}, who cannot become root there: the stock playbooks need it, and "
            "without it nobody can say what a cancelled step has left (give sudo without a password, or "
            "its password)" + _also(called),
        )
    text = f"answers, and lets us be root; {python or 'its Python does not say its version'}"
    level = missing if called.startswith("Prometheus has nothing") else good
    return level(what, f"{text}{_also(called)}")


def _also(text: str) -> str:
    return f"; {text}" if text else ""


def _named(names: list[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED} more"
