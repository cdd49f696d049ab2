"""What the inventory says of a host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.instance import canonical_host


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryHost:
    """One host with its groups and the variables that the agent itself reads, as Ansible renders them for it.

    ``identity`` stands for the machine: connection, address, port and jump host. Two hosts with the same one
    are two names of one machine; it is empty when nobody can say where a connection would lead. ``unknown``
    says of variables why they could not be rendered; they are missing from ``variables``. ``connection``,
    ``address`` and ``port`` are how Ansible reaches it, as far as it says.
    """

    name: str
    groups: frozenset[str] = frozenset()
    variables: Mapping[str, Any] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
    identity: str = ""
    connection: str = ""
    address: str = ""
    port: int = 0

    @property
    def names(self) -> frozenset[str]:
        """Return everything a metric label may call this host, in the form in which names are compared."""
        known = {canonical_host(name) for name in (self.name, self.address, *self.aliases) if name}
        bare = {name.removesuffix(f".{suffix}") for suffix in self.suffixes for name in known}
        return frozenset(known | bare)

    @property
    def aliases(self) -> tuple[str, ...]:
        """Return what ``opsmend_aliases`` calls the host."""
        return _texts(self.variables.get("opsmend_aliases"))

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Return the domains that names may have or lack, as ``opsmend_host_suffixes`` says."""
        said = _texts(self.variables.get("opsmend_host_suffixes"))
        return tuple(canonical_host(one).lstrip(".") for one in said)

    def is_called(self, name: str) -> bool:
        """Return whether a label that says ``name`` may mean this host."""
        wanted = canonical_host(name)
        bare = {wanted.removesuffix(f".{suffix}") for suffix in self.suffixes}
        return bool(wanted) and bool(self.names & {wanted, *bare})


def _texts(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(one for one in values if isinstance(one, str) and one)
