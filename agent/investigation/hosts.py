"""Suspects and the inventory in, whom to ask over ssh and what out: hosts of the inventory and no others."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agent.records import Incident, InventoryHost
from agent.records.probes import SshAddress

_MOST = 20  # hosts whose address is handed on; the likeliest few are asked
_BY_SSH = frozenset({"ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh"})


def unit_of(incident: Incident) -> str:
    """Return the unit an incident is about, or nothing."""
    labelled = (one.labels.get("unit", "") for one in incident.diagnosis.candidates)
    return next((unit for unit in labelled if unit), "")


def addresses(hosts: Mapping[str, InventoryHost], wanted: Iterable[str]) -> dict[str, SshAddress]:
    """Return how each wanted host is reached, by the name it was asked for."""
    reached = [one for one in hosts.values() if one.variables.get("ansible_connection", "ssh") in _BY_SSH]
    by_name = {name: host for host in reached for name in host.names}
    found = {name: by_name[name] for name in dict.fromkeys(wanted) if name in by_name}
    return {name: address_of(host) for name, host in list(found.items())[:_MOST]}


def address_of(host: InventoryHost) -> SshAddress:
    """Return how Ansible would reach a host by ssh."""
    said = host.variables
    port = _text(said, "ansible_port") or str(said.get("ansible_port", ""))
    return SshAddress(
        host=host.name,
        address=_text(said, "ansible_host"),
        port=int(port) if port.isdigit() else 0,
        user=_text(said, "ansible_user") or _text(said, "ansible_ssh_user"),
        key=_text(said, "ansible_ssh_private_key_file") or _text(said, "ansible_private_key_file"),
        ssh_config=_config_of(said),
    )


def certificates_of(host: InventoryHost, unit: str) -> Sequence[str]:
    """Return the certificates of a unit that the inventory knows of."""
    services = host.variables.get("opsmend_services")
    service = services.get(unit) if isinstance(services, Mapping) else None
    certificate = service.get("certificate") if isinstance(service, Mapping) else None
    path = certificate.get("path") if isinstance(certificate, Mapping) else None
    return [path] if isinstance(path, str) else []


def _text(variables: Mapping[str, Any], name: str) -> str:
    value = variables.get(name)
    # what is templated is Ansible's to resolve, not ours
    return value if isinstance(value, str) and "{{" not in value else ""


def _config_of(variables: Mapping[str, Any]) -> str:
    """Return the file that ``-F`` names in the arguments for ssh."""
    for name in ("ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_ssh_args"):
        try:
            words = shlex.split(_text(variables, name))
        except ValueError:
            continue
        for place, word in enumerate(words):
            if word == "-F" and place + 1 < len(words):
                return words[place + 1]
            if word.startswith("-F") and len(word) > 2:
                return word[2:]
    return ""
