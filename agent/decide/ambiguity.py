"""Hosts of an inventory in, what would aim a remediation at another machine than is meant out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from agent.instance import canonical_host
from agent.records import HostNames, InventoryHost

_FORM = "with or without its domain"


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
    names = HostNames(hosts.values())
    meant = {name: names.meant_by(name) for name in seen}
    known = {host.name for found in meant.values() for host in found}
    return sorted(name for name in seen if not meant[name]), sorted(hosts.keys() - known)


def _unknown(hosts: Mapping[str, InventoryHost]) -> Iterator[Doubt]:
    for host in sorted(hosts.values(), key=lambda one: one.name):
        for variable, why in sorted(host.unknown.items()):
            grave = not host.identity or variable == "opsmend_environment"
            yield Doubt(f"host {host.name}", f"{variable} is not known: {why}", grave)
        if not host.identity and not host.unknown:
            yield Doubt(f"host {host.name}", "where a connection to it leads cannot be known")


def _one_name_of_several(hosts: Mapping[str, InventoryHost]) -> Iterator[Doubt]:
    names = HostNames(hosts.values())
    told: set[tuple[str, ...]] = set()
    for name in sorted(names, key=lambda one: (len(one), one)):
        how = [f"{one.name} ({_how(one, name)})" for one in names.meant_by(name)]
        who = tuple(one.name for one in names.meant_by(name))
        is_new = who not in told or not all(_FORM in one for one in how)
        if len(who) > 1 and is_new:
            told.add(who)
            yield Doubt(
                f"name {name}",
                f"may mean {', '.join(how)}; what a label calls so is refused: it could be the wrong one",
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
    return _FORM
