"""What Prometheus and the inventory call hosts in, what the inventory must be told so that they meet out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from agent.records import InventoryHost

SUFFIXES = "opsmend_host_suffixes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """How names meet, with the domains ``suffixes`` taken for what one side says and the other leaves out.

    ``called`` says what Prometheus calls each host of the inventory; ``strangers`` are names that fit none.
    """

    called: Mapping[str, tuple[str, ...]]
    suffixes: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()

    @property
    def unseen(self) -> list[str]:
        """Return the hosts of the inventory that Prometheus does not call anything."""
        return [name for name, names in self.called.items() if not names]


def match_names(hosts: Mapping[str, InventoryHost], seen: Collection[str]) -> Naming:
    """Find out how the names of hosts meet, and by which domains more of them would."""
    plain = _called(hosts, seen)
    strangers = [name for name in seen if not any(name in names for names in plain.values())]
    lonely = [hosts[name] for name, names in plain.items() if not names]
    suffixes = _domains(lonely, strangers)
    called = (
        _called({name: _with(host, suffixes) for name, host in hosts.items()}, seen) if suffixes else plain
    )
    return Naming(
        called=called,
        suffixes=suffixes,
        strangers=tuple(sorted(set(seen) - {one for names in called.values() for one in names})),
    )


def _called(hosts: Mapping[str, InventoryHost], seen: Collection[str]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(sorted(one for one in seen if hosts[name].is_called(one))) for name in sorted(hosts)}


def _domains(hosts: Collection[InventoryHost], strangers: Collection[str]) -> tuple[str, ...]:
    """Return the domains that one side says behind the other's names, the most frequent first."""
    found = Counter(
        longer.removeprefix(f"{shorter}.")
        for one in strangers
        for host in hosts
        for known in host.names
        for longer, shorter in ((one, known), (known, one))
        if longer.startswith(f"{shorter}.")
    )
    return tuple(domain for domain, _ in found.most_common())


def _with(host: InventoryHost, suffixes: Collection[str]) -> InventoryHost:
    return replace(host, variables={**host.variables, SUFFIXES: [*host.suffixes, *suffixes]})
