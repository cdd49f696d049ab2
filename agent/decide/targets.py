"""The name of a target in, the host of the inventory that it means and its companions out, or a refusal.

Nothing here knows patterns: a label says ``all`` and still means a host of that name. A label that fits more
than one host is refused, always: one of them would be the wrong one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.errors import TargetError
from agent.placeholders import fill, names
from agent.quantity import format_value
from agent.reasons import Reason
from agent.records import HostNames, InventoryHost

LOCALHOST = "localhost"
_VARIABLE = "opsmend_"


class Inventory(Protocol):
    """What deciding needs of an inventory."""

    def hosts(self) -> Mapping[str, InventoryHost]:
        """Return all hosts by name. Raises RunError when the inventory cannot be read."""


class UnresolvedTarget(TargetError):
    """The target does not resolve to hosts the remediation may touch."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Hosts:
    """Whom a plan may touch: its target, and what its remediation needs beside it."""

    targets: tuple[InventoryHost, ...]
    companions: tuple[InventoryHost, ...] = ()

    @property
    def identities(self) -> dict[str, str]:
        """Return which machine each of them is, by name."""
        return {host.name: host.identity for host in (*self.targets, *self.companions)}


def resolve_hosts(
    target: str,
    companions: Iterable[str],
    labels: Mapping[str, str],
    hosts: Mapping[str, InventoryHost],
    most: int,
) -> Hosts:
    """Return the hosts that a remediation's ``target`` and ``companions`` mean for a diagnosis.

    A companion is a host or a group of the inventory; its placeholders are labels of the diagnosis, or
    ``opsmend_…`` variables of the target, which may be lists. Raises UnresolvedTarget when one is empty,
    unknown, means two things, cannot be reached for sure, or when all are more than ``most``.
    """
    host = resolve_target(target, labels, hosts)
    found: dict[str, InventoryHost] = {}
    for template in companions:
        for name in _names_of_companion(template, labels, host):
            found |= {one.name: one for one in _host_or_group(name, template, hosts)}
    found.pop(host.name, None)
    for one in (host, *found.values()):
        _refuse_unreachable(one)
    if 1 + len(found) > most:
        raise UnresolvedTarget(
            Reason.TARGET_TOO_LARGE,
            f"{host.name} and its companions ({', '.join(sorted(found))}) are {1 + len(found)} hosts, "
            f"limits.hosts allows {most}",
        )
    return Hosts((host,), tuple(found[name] for name in sorted(found)))


def resolve_target(
    template: str, labels: Mapping[str, str], hosts: Mapping[str, InventoryHost]
) -> InventoryHost:
    """Return the one host of the inventory that ``template`` means. Raises UnresolvedTarget."""
    return _only_one(_fill(template, labels, "target"), hosts, f"target '{template}'")


def _only_one(wanted: str, hosts: Mapping[str, InventoryHost], where: str) -> InventoryHost:
    shown = format_value(wanted)
    found = HostNames(hosts.values()).meant_by(wanted)
    if not found:
        raise UnresolvedTarget(
            Reason.TARGET_UNKNOWN,
            f"{where}: '{shown}' is no host of the inventory, by name, ansible_host or opsmend_aliases",
        )
    if len(found) > 1:
        shown_hosts = ", ".join(one.name for one in found[:5])
        raise UnresolvedTarget(
            Reason.TARGET_TOO_LARGE,
            f"{where}: '{shown}' fits {len(found)} hosts ({shown_hosts}) and must fit one: "
            "opsmend check names them",
        )
    return found[0]


def _refuse_unreachable(host: InventoryHost) -> None:
    if not host.identity:
        why = "; ".join(f"{name}: {reason}" for name, reason in host.unknown.items()) or "no connection"
        raise UnresolvedTarget(
            Reason.TARGET_UNKNOWN,
            f"where a connection to {host.name} leads cannot be known, so it is not touched ({why})",
        )


def _names_of_companion(template: str, labels: Mapping[str, str], target: InventoryHost) -> list[str]:
    wanted = names(template)
    variable = next((name for name in wanted if name.startswith(_VARIABLE)), None)
    if variable is None:
        return [_fill(template, labels, "companion")]
    value = target.variables.get(variable)
    values = value if isinstance(value, list) else [value]
    texts = [one for one in values if isinstance(one, str) and one.strip()]
    if not texts or len(texts) != len(values):
        why = target.unknown.get(variable, "is no name and no list of names")
        raise UnresolvedTarget(
            Reason.TARGET_UNKNOWN, f"companion '{template}': variable {variable} of {target.name} {why}"
        )
    return [_fill(template, {**labels, variable: text}, "companion") for text in texts]


def _host_or_group(name: str, template: str, hosts: Mapping[str, InventoryHost]) -> Sequence[InventoryHost]:
    where = f"companion '{template}'"
    members = [host for host in hosts.values() if name in host.groups and name != "all"]
    called = HostNames(hosts.values()).meant_by(name)
    if members and called:
        raise UnresolvedTarget(
            Reason.TARGET_UNKNOWN, f"{where}: '{format_value(name)}' is a host and a group of the inventory"
        )
    if name == LOCALHOST and not called:
        return [InventoryHost(name=LOCALHOST, identity="local")]
    return members or [_only_one(name, hosts, where)]


def _fill(template: str, labels: Mapping[str, str], what: str) -> str:
    try:
        wanted = fill(template, dict(labels)).strip()
    except KeyError as error:
        raise UnresolvedTarget(
            Reason.TARGET_UNKNOWN, f"{what} '{template}': the diagnosis has no label {error}"
        ) from error
    if not wanted:
        raise UnresolvedTarget(Reason.TARGET_UNKNOWN, f"{what} '{template}' is empty")
    return wanted
