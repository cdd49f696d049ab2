"""Hosts of an inventory in, what would aim a remediation at another machine than is meant out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from agent.instance import canonical_host
from agent.records import InventoryHost


@dataclass(frozen=True, slots=True)
class Doubt:
    """One thing that is not as it should be. A ``grave`` one keeps hosts from being repaired."""

    what: str
    text: str
    grave: bool = True


def find_doubts(hosts: Mapping[str, InventoryHost]) -> Iterator[Doubt]:
    """Yield what an inventory leaves open or says twice."""
    yield from _unknown(hosts)
    yield from _one_name_of_several(hosts)
    yield from _several_names_of_one(hosts)


def compare_with_metrics(
    hosts: Mapping[str, InventoryHost], seen: Collection[str]
) -> tuple[list[str], list[str]]:
    """Return who is seen and not in the inventory, and which hosts of the inventory nobody sees."""
    strangers = sorted(name for name in seen if not any(host.is_called(name) for host in hosts.values()))
    known = {canonical_host(name) for name in seen}
    unseen = sorted(
        host.name
        for host in hosts.values()
        if not host.names & known and not any(host.is_called(name) for name in known)
    )
    return strangers, unseen


def _unknown(hosts: Mapping[str, InventoryHost]) -> Iterator[Doubt]:
    for host in sorted(hosts.values(), key=lambda one: one.name):
        for variable, why in sorted(host.unknown.items()):
            grave = not host.identity or variable == "opsmend_environment"
            yield Doubt(f"host {host.name}", f"{variable} is not known: {why}", grave)
        if not host.identity and not host.unknown:
            yield Doubt(f"host {host.name}", "where a connection to it leads cannot be known")


def _one_name_of_several(hosts: Mapping[str, InventoryHost]) -> Iterator[Doubt]:
    called: dict[str, list[InventoryHost]] = {}
    for host in hosts.values():
        for name in host.names:
            called.setdefault(name, []).append(host)
    for name, several in sorted(called.items()):
        if len(several) > 1:
            how = ", ".join(f"{one.name} ({_how(one, name)})" for one in sorted(several, key=_by_name))
            yield Doubt(
                f"name {name}",
                f"may mean {how}; what a label calls so is refused: it could be the wrong one",
            )


def _several_names_of_one(hosts: Mapping[str, InventoryHost]) -> Iterator[Doubt]:
    machines: dict[str, list[str]] = {}
    for host in hosts.values():
        if host.identity:
            machines.setdefault(host.identity, []).append(host.name)
    for identity, names in sorted(machines.items()):
        if len(names) > 1:
            text = f"is {', '.join(sorted(names))} alike: one run at a time for all of them"
            yield Doubt(f"machine {identity}", text, grave=False)


def _how(host: InventoryHost, name: str) -> str:
    if canonical_host(host.name) == name:
        return "its name"
    if canonical_host(host.address) == name:
        return "its address"
    if name in {canonical_host(alias) for alias in host.aliases}:
        return "an alias"
    return "without its domain"


def _by_name(host: InventoryHost) -> str:
    return host.name
