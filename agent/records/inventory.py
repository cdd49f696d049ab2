"""What the inventory says of a host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryHost:
    """One host with its groups and all variables that apply to it, group_vars included.

    ``variables`` are as ``ansible-inventory --list`` gives them: a dictionary with the single key
    ``__ansible_vault`` or ``__ansible_unsafe`` stands for a tagged string.
    """

    name: str
    groups: frozenset[str]
    variables: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """Return everything a metric label may call this host."""
        address = self.variables.get("ansible_host")
        aliases = self.variables.get("opsmend_aliases", [])
        known = [self.name, address, *(aliases if isinstance(aliases, list) else [aliases])]
        return frozenset(name for name in known if isinstance(name, str) and name)
