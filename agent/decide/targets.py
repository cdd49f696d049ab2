"""The name of a target in, hosts of the inventory out, or a refusal.

Nothing here knows patterns or groups: a label says ``all`` and still means a host of that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from agent.errors import TargetError
from agent.placeholders import fill, format_value
from agent.reasons import Reason
from agent.records import InventoryHost


class Inventory(Protocol):
    """What deciding needs of an inventory."""

    def hosts(self) -> Mapping[str, InventoryHost]:
        """Return all hosts by name. Raises RunError when the inventory cannot be read."""


class UnresolvedTarget(TargetError):
    """The target does not resolve to hosts the remediation may touch."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def resolve_target(
    template: str, labels: Mapping[str, str], hosts: Mapping[str, InventoryHost], most: int
) -> tuple[str, ...]:
    """Return the names of the inventory hosts that ``template`` means.

    Raises UnresolvedTarget when it is empty, unknown or more than ``most`` hosts.
    """
    try:
        wanted = fill(template, dict(labels)).strip()
    except KeyError as error:
        raise UnresolvedTarget(
            Reason.TARGET_UNKNOWN, f"target '{template}': the diagnosis has no label {error}"
        ) from error
    if not wanted:
        raise UnresolvedTarget(Reason.TARGET_UNKNOWN, f"target '{template}' is empty")
    found = sorted(name for name, host in hosts.items() if wanted in host.names)
    if not found:
        raise UnresolvedTarget(
            Reason.TARGET_UNKNOWN,
            f"'{format_value(wanted)}' is no host of the inventory, by name, ansible_host or opsmend_aliases",
        )
    if len(found) > most:
        raise UnresolvedTarget(
            Reason.TARGET_TOO_LARGE,
            f"'{format_value(wanted)}' is {len(found)} hosts ({', '.join(found[:5])}…), allowed are {most}",
        )
    return tuple(found)
