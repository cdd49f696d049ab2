"""A diagnosis and the inventory in, labels that only the inventory can give out: who is near, what is below.

A host that is silent cannot be asked itself. ``neighbour`` is a host of the same groups, one that is well
if there is, ``hypervisor`` the host that the inventory names as what it runs on, ``suspect_address`` and
``suspect_port`` are how Ansible would reach it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from agent.records import HostNames, InventoryHost

NEIGHBOUR, HYPERVISOR = "neighbour", "hypervisor"
SUSPECT_ADDRESS, SUSPECT_PORT = "suspect_address", "suspect_port"
SURROUNDINGS = frozenset({NEIGHBOUR, HYPERVISOR, SUSPECT_ADDRESS, SUSPECT_PORT})
_BY_SSH = frozenset({"ssh", "smart", "paramiko", "paramiko_ssh"})
_SSH_PORT = 22


def with_surroundings(
    labels: Mapping[str, str], hosts: Mapping[str, InventoryHost], troubled: Collection[str]
) -> dict[str, str]:
    """Return labels with what the inventory knows around their host; never from the labels themselves.

    ``troubled`` are hosts that others are asked before. Where a label means no host, or several, there is
    nothing.
    """
    kept = {name: value for name, value in labels.items() if name not in SURROUNDINGS}
    names = HostNames(hosts.values())
    meant = names.meant_by(labels.get("host", ""))
    if len(meant) != 1:
        return kept
    suspect = meant[0]
    unwell = {one.name for name in troubled for one in names.meant_by(name)}
    found = {
        SUSPECT_ADDRESS: suspect.address or suspect.name,
        SUSPECT_PORT: str(suspect.port or _SSH_PORT),
        HYPERVISOR: _text(suspect, "opsmend_hypervisor"),
        NEIGHBOUR: _neighbour(suspect, hosts, unwell),
    }
    return {**kept, **{name: value for name, value in found.items() if value}}


def _neighbour(suspect: InventoryHost, hosts: Mapping[str, InventoryHost], troubled: Collection[str]) -> str:
    """Return the host that shares the smallest group, and most groups, with the suspect; or nothing.

    A well one where there is any: trouble such as a disk that fills keeps nobody from looking around.
    """
    sizes: dict[str, int] = {}
    for one in hosts.values():
        for group in one.groups & suspect.groups:
            sizes[group] = sizes.get(group, 0) + 1
    everybody = len(hosts) + 1
    near = [
        (
            one.name in troubled,
            min((sizes[group] for group in one.groups & suspect.groups), default=everybody),
            -len(one.groups & suspect.groups),
            one.name,
        )
        for one in hosts.values()
        if not one.names & suspect.names and one.connection in _BY_SSH
    ]
    return min(near, default=(False, 0, 0, ""))[-1]


def _text(host: InventoryHost, name: str) -> str:
    value = host.variables.get(name)
    return value if isinstance(value, str) and "{{" not in value else ""
