"""What the inventory says of a host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.instance import canonical_host, is_address


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
        """Return everything a label may call this host, with and without its domains.

        In the form in which names are compared, that of ``canonical_host``.
        """
        known = {canonical_host(name) for name in (self.name, self.address, *self.aliases) if name}
        known |= {name.removesuffix(f".{suffix}") for suffix in self.suffixes for name in known}
        whole = {f"{name}.{suffix}" for suffix in self.suffixes for name in known if not is_address(name)}
        return frozenset((known | whole) - {""})

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
        return canonical_host(name) in self.names


class HostNames:
    """A name that a label gives in, every host of an inventory that it may mean out.

    Whoever wants one host must get one: a name that fits two means neither.
    """

    def __init__(self, hosts: Iterable[InventoryHost]) -> None:
        self._by_name: dict[str, list[InventoryHost]] = {}
        for host in sorted(hosts, key=lambda one: one.name):
            for name in host.names:
                self._by_name.setdefault(name, []).append(host)

    def __iter__(self) -> Iterator[str]:
        """Yield every name that a host has."""
        yield from sorted(self._by_name)

    def meant_by(self, name: str) -> Sequence[InventoryHost]:
        """Return all hosts that are called so, in the order of their names."""
        return self._by_name.get(canonical_host(name), ())


def _texts(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(one for one in values if isinstance(one, str) and one)
