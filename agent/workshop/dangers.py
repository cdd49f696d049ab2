"""A remediation in, what is dangerous in its playbooks and roles, and not declared so, out.

What is dangerous ends something, removes something, cuts off or reboots. It needs ``risk: high``, so that the
policy asks people first, evidence of how things were, kept on the host, and a rollback or a reason for none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.decide import Remediation
from agent.errors import Problem
from agent.workshop.roles import TASK_LISTS, needed_roles, read_ansible, roles_of

EVIDENCE = "/var/lib/opsmend/evidence"
_OWN = "agent_login"  # set up by hand, once
_SAYING = frozenset({"command", "shell", "raw", "script"})
_WORDS: Mapping[str, str] = {
    "removes files": r"rm|rmdir|shred|truncate|unlink",
    "ends processes": r"kill|pkill|killall|xkill",
    "reboots or stops the host": r"reboot|shutdown|poweroff|halt|kexec",
    "changes the firewall": r"iptables\S*|ip6tables\S*|nft|ufw|firewall-cmd",
    "writes to a disk below its file system": r"dd|mkfs\S*|wipefs|fdisk|sfdisk|parted|lvremove|vgremove",
    "removes a user": r"userdel|deluser",
}
_MODULES: Mapping[str, str] = {
    "reboot": "reboots or stops the host",
    "firewalld": "changes the firewall",
    "ufw": "changes the firewall",
    "iptables": "changes the firewall",
    "nftables": "changes the firewall",
    "filesystem": "writes to a disk below its file system",
    "parted": "writes to a disk below its file system",
    "lvol": "writes to a disk below its file system",
    "pids": "ends processes",
}
_COMMAND = re.compile(
    "|".join(
        rf"(?P<w{n}>(?<![\w./-])(?:/\S*/)?(?:{words})(?![\w.-]))" for n, words in enumerate(_WORDS.values())
    )
)
_UNIT_KILL = re.compile(r"\bsystemctl(?:\s+-\S+)*\s+kill\b")


@dataclass(frozen=True, slots=True)
class Danger:
    """One dangerous task: where, and what it does."""

    file: Path
    line: int | None
    does: str


def check_dangers(remediation: Remediation, roles: Iterable[Path]) -> Iterator[Problem]:
    """Yield what a remediation that does something dangerous does not declare. Raises ConfigError."""
    folders = list(roles)
    files = _files(remediation, folders)
    labelled = {name for name, one in remediation.file.parameters.items() if one.from_}
    found = [danger for file in files for danger in dangers_in(file, labelled)]
    if not found:
        return
    has_evidence = any(EVIDENCE in file.read_text(errors="replace") for file in files)
    for danger in found:
        if remediation.file.risk != "high":
            hint = "write 'risk: high', so that people are asked first, or use a module that cannot go wrong"
            yield Problem(
                danger.file, f"{danger.does}, and the risk is {remediation.file.risk}", danger.line, hint=hint
            )
        elif not has_evidence:
            hint = f"keep how things were under {EVIDENCE} before"
            yield Problem(danger.file, f"{danger.does}, and keeps no evidence", danger.line, hint=hint)


def dangers_in(file: Path, labelled: Iterable[str] = ()) -> list[Danger]:
    """Return the dangerous tasks of a file of plays or tasks; ``labelled`` are variables that labels give."""
    content = read_ansible(file)
    lines = file.read_text(errors="replace").splitlines()
    return [
        Danger(file, _line(lines, task), does)
        for task in _tasks(content)
        if (does := _does(task, frozenset(labelled)))
    ]


def _files(remediation: Remediation, folders: list[Path]) -> list[Path]:
    names = needed_roles(roles_of(remediation.folder), folders) - {_OWN}
    found = [one for one in sorted(remediation.folder.glob("*.yml")) if one.name != "remediation.yml"]
    for name in sorted(names):
        folder = next((one / name for one in folders if (one / name).is_dir()), None)
        if folder is not None:
            found += sorted((folder / "tasks").glob("*.yml"))
    return found


def _tasks(content: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every task of plays, blocks and lists of tasks."""
    for one in content if isinstance(content, list) else ():
        if not isinstance(one, Mapping):
            continue
        inner = [key for key in TASK_LISTS if isinstance(one.get(key), list)]
        if not inner:
            yield one
        for key in inner:
            yield from _tasks(one[key])


def _does(task: Mapping[str, Any], labelled: frozenset[str]) -> str:
    for key, value in task.items():
        module = str(key).rpartition(".")[2]
        if module in _MODULES:
            return _MODULES[module]
        if module in _SAYING and (match := _COMMAND.search(_said(value))):
            return next(does for n, does in enumerate(_WORDS) if match[f"w{n}"])
        if module == "file" and isinstance(value, Mapping) and value.get("state") == "absent":
            path = str(value.get("path") or value.get("dest") or value.get("name") or "")
            if any(re.search(rf"\b{re.escape(name)}\b", path) for name in labelled):
                return "removes a path that a label names"
    return ""


def _said(value: Any) -> str:
    """Return what a task says to a shell or executes, in one line."""
    if isinstance(value, Mapping):
        value = value.get("cmd") or value.get("argv") or value.get("_raw_params") or ""
    said = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    # systemd ends what belongs to a unit and nothing else, as a restart does
    return _UNIT_KILL.sub("systemctl restart", said)


def _line(lines: list[str], task: Mapping[str, Any]) -> int | None:
    name = str(task.get("name") or "")
    return next((number for number, line in enumerate(lines, 1) if name and name in line), None)
