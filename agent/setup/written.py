"""What was found and answered in, the files of a first installation out: settings, inventory, preparation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from agent.setup.naming import SUFFIXES, Naming

_ROLES = "playbooks/roles"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the person who installs has decided.

    ``inventory`` is None where the inventory is to be made from what Prometheus has; ``login`` is None where
    the inventory says as whom to log in.
    """

    prometheus: str
    inventory: Path | None
    login: str | None
    token_file: Path | None = None
    ca_file: Path | None = None
    vault_password_file: Path | None = None
    notify_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the agent's files are. ``state`` and ``runtime`` are None where they are the usual ones."""

    folder: Path
    state: Path | None = None
    runtime: Path | None = None

    @property
    def config(self) -> Path:
        """Return the file of settings."""
        return self.folder / "opsmend.yml"

    @property
    def inventory(self) -> Path:
        """Return the folder with what is added to the operator's inventory."""
        return self.folder / "inventory"


def settings_text(answers: Answers, places: Places) -> str:
    """Return the settings, commented, in mode observe."""
    inventories = [str(one) for one in (answers.inventory, places.inventory) if one is not None]
    prometheus = {"url": answers.prometheus, **_paths(token_file=answers.token_file, ca_file=answers.ca_file)}
    agent = {"mode": "observe", **_paths(state_dir=places.state, runtime_dir=places.runtime)}
    notify: dict[str, Any] = {}
    if answers.notify_file is not None:
        notify = {"targets": {"oncall": _paths(url_file=answers.notify_file)}, "escalate_to": ["oncall"]}
    return _template("opsmend.yml").format(
        agent=_lines(agent),
        inventory=_flow(inventories[0] if len(inventories) == 1 else inventories),
        prometheus=_lines(prometheus, 4),
        remediate=_section("remediate", _paths(vault_password_file=answers.vault_password_file)),
        notify=_section("notify", notify) or _template("notify.yml"),
    )


def inventory_text(answers: Answers, naming: Naming) -> str:
    """Return what is added to the operator's inventory, or the inventory itself where there is none."""
    variables: dict[str, Any] = {}
    if answers.login is not None:
        variables["ansible_user"] = answers.login
    if naming.suffixes:
        variables[SUFFIXES] = list(naming.suffixes)
    hosts = dict.fromkeys(sorted(naming.called)) if answers.inventory is None else {}
    group = {name: value for name, value in (("hosts", hosts), ("vars", variables)) if value}
    content = yaml.safe_dump({"all": group or None}, sort_keys=False).replace(": null", ":")
    return _template("inventory.yml") + content


def preparation_text(
    answers: Answers, public_key: str, addresses: Sequence[str], stock: Path, exporters: bool
) -> str:
    """Return the playbook that prepares hosts: a user with our key and the least rights, and exporters."""
    roles: list[dict[str, Any]] = [
        {
            "role": str(stock / _ROLES / "agent_login"),
            "agent_login_user": answers.login or "opsmend",
            "agent_login_public_key": public_key,
            "agent_login_from": list(addresses),
        }
    ]
    if exporters:
        roles += [{"role": str(stock / _ROLES / name)} for name in ("exporters", "host_metrics")]
    play = [{"name": "Prepare hosts for opsmend", "hosts": "all", "become": True, "roles": roles}]
    return _template("prepare-hosts.yml") + yaml.safe_dump(play, sort_keys=False, width=1000)


def _template(name: str) -> str:
    return (files("agent.setup") / "files" / name).read_text()


def _paths(**given: Path | None) -> dict[str, str]:
    return {name: str(path) for name, path in given.items() if path is not None}


def _flow(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("...\n").strip()


def _lines(values: Mapping[str, Any], indent: int = 2) -> str:
    return "\n".join(f"{' ' * indent}{name}: {_flow(value)}" for name, value in values.items())


def _section(name: str, values: Mapping[str, Any]) -> str:
    return f"\n{name}:\n{_lines(values)}\n" if values else ""
