"""The inventory looked at, and every host of it asked: is it who is meant, and who are we there?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta

from agent.cli.checksources import Line
from agent.clock import SystemClock
from agent.config import Settings
from agent.decide.ambiguity import compare_with_metrics, find_doubts
from agent.errors import OpsmendError
from agent.instance import host_of
from agent.remediate import HostAnswer, Inventory
from agent.remediate.environment import OVERRIDES
from agent.remediate.questions import Command
from agent.wiring import AnsibleParts, make_ansible, make_source

_TIMEOUT = timedelta(seconds=10)
_MOST_NAMED = 20


def check_hosts(settings: Settings) -> Iterator[Line]:
    """Yield how Ansible is configured, what the inventory leaves open, and how each host answers."""
    ansible = make_ansible(settings, SystemClock())
    try:
        yield from _config_lines(ansible)
        inventory = ansible.inventory.read()
    except OpsmendError as error:
        yield Line("inventory", False, str(error))
        return
    if not inventory.hosts:
        yield Line("inventory", False, "has no hosts")
        return
    yield Line("inventory", True, f"{len(inventory.hosts)} hosts")
    for warning in inventory.warnings:
        yield Line("inventory", True, f"Ansible warns: {warning}")
    for doubt in find_doubts(inventory.hosts):
        yield Line(doubt.what, not doubt.grave, doubt.text)
    yield from _compare_with_metrics(settings, inventory)
    yield from _ask(ansible, inventory)


def _config_lines(ansible: AnsibleParts) -> Iterator[Line]:
    config = ansible.config.current()
    decided = ", ".join(name.removeprefix("ANSIBLE_").lower() for name in OVERRIDES)
    yield Line("ansible.cfg", True, f"{config.file or 'there is none'}; the agent itself decides {decided}")
    for identity in config.prompts:
        text = f"vault identity '{identity}' asks a person, and the agent has nobody to ask: name a file"
        yield Line("ansible.cfg", False, text)
    for file in config.vault_files:
        if not os.access(file, os.R_OK):
            yield Line("ansible.cfg", False, f"{file}, which opens a vault, cannot be read")


def _compare_with_metrics(settings: Settings, inventory: Inventory) -> Iterator[Line]:
    source = make_source(settings)
    try:
        answer = source.query("group by (instance) (up)")
    except OpsmendError:
        return  # the line of Prometheus says so
    finally:
        source.close()
    seen = {host_of(labels.get("instance", "")) for labels in answer.labels} - {""}
    strangers, unseen = compare_with_metrics(inventory.hosts, seen)
    if strangers:
        hint = "add them, or what they are called to opsmend_aliases, or the domain to opsmend_host_suffixes"
        yield Line("inventory", True, f"Prometheus has hosts that it lacks: {_named(strangers)} ({hint})")
    if unseen:
        yield Line("inventory", True, f"has hosts of which Prometheus has nothing: {_named(unseen)}")


def _ask(ansible: AnsibleParts, inventory: Inventory) -> Iterator[Line]:
    asked: dict[str, list[Command]] = {
        name: [] for name in sorted(inventory.hosts) if name in inventory.where
    }
    mark = f"check-{os.getpid()}"
    for answer in ansible.questions().ask(inventory, asked, _TIMEOUT, mark).values():
        yield _line_of(answer)


def _line_of(answer: HostAnswer) -> Line:
    what = f"host {answer.host}"
    if answer.error:
        return Line(what, False, answer.error)
    if answer.uid == 0:
        return Line(what, True, "answers, and lets us be root")
    return Line(
        what,
        False,
        f"answers to {answer.user}, who cannot become root there: the stock playbooks need it, and without "
        "it nobody can say what a cancelled step has left (give sudo without a password, or its password)",
    )


def _named(names: list[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED} more"
