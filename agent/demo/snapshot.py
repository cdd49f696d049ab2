"""Units and files of hosts before and after, and what differs that should not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from agent.demo.hosts import Host


@dataclass(frozen=True, slots=True)
class HostState:
    """What units a host has and how they are, and every file with its mode, owner, size and digest."""

    units: Mapping[str, str]
    files: Mapping[str, str]


def take(hosts: Iterable[Host]) -> dict[str, HostState]:
    """Return the state of hosts, by name."""
    hosts = list(hosts)
    with ThreadPoolExecutor(len(hosts)) as pool:
        states = pool.map(lambda host: HostState(**json.loads(host.run("host-state"))), hosts)
        return {host.name: state for host, state in zip(hosts, states, strict=True)}


def differences(
    before: Mapping[str, HostState],
    after: Mapping[str, HostState],
    allowed: Mapping[str, Iterable[str]],
) -> list[str]:
    """Return what differs, in words, except units and files that begin with what is allowed on that host."""
    found = []
    for host, old in before.items():
        new = after[host]
        prefixes = tuple(allowed.get(host, ()))
        for kind, olds, news in (("unit", old.units, new.units), ("file", old.files, new.files)):
            for name in sorted(olds.keys() | news.keys()):
                if olds.get(name) == news.get(name) or name.startswith(prefixes):
                    continue
                found.append(
                    f"{host}: {kind} {name}: {olds.get(name, 'absent')} → {news.get(name, 'absent')}"
                )
    return found
