"""Remediations and what their hosts have in, whether each could do its work out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from agent.check.coverage import Coverage
from agent.check.lines import Line, good, missing
from agent.config.remediationfile import Needs
from agent.decide import Remediation
from agent.records import InventoryHost

_SERVICES = "opsmend_services"


def commands_of(catalog: Collection[Remediation]) -> list[str]:
    """Return every program that some remediation needs on its hosts."""
    return sorted({command for one in catalog for command in one.file.needs.commands})


def check_remediations(
    catalog: Mapping[str, Remediation],
    hosts: Mapping[str, InventoryHost],
    programs: Mapping[str, Collection[str]],
    present: Mapping[str, Collection[str]],
    coverage: Coverage,
) -> Iterator[Line]:
    """Yield what remediations lack on their hosts, and how many lack nothing.

    ``programs`` says which programs were found on each host that answered, ``present`` which exporters work
    there: a host on which none of its faults can be seen is none of its hosts.
    """
    blind = {name: set(coverage.blind(found)) for name, found in present.items()}
    ready = 0
    for name, remediation in catalog.items():
        own = [host for host in sorted(hosts) if set(remediation.file.fixes) - blind.get(host, set())]
        lacks = {
            host: what
            for host in own
            if host in programs and (what := _lacks(remediation.file.needs, hosts[host], programs[host]))
        }
        if lacks:
            yield missing(f"remediation {name}", "; ".join(_groups(lacks)))
        elif own:
            ready += 1
    yield good("remediations", f"{ready} have what they need on every host where they may be needed")


def _lacks(needs: Needs, host: InventoryHost, programs: Collection[str]) -> str:
    """Return what a host lacks, in words, or nothing."""
    found = [f"the program {name}" for name in needs.commands if name not in programs]
    found += [f"the variable {name}" for name in needs.variables if not host.variables.get(name)]
    services = host.variables.get(_SERVICES)
    known = services.values() if isinstance(services, Mapping) else ()
    if needs.service and not any(
        isinstance(one, Mapping) and set(needs.service) <= set(one) for one in known
    ):
        found.append(f"a service with {' and '.join(needs.service)} in {_SERVICES}")
    return " and ".join(found)


def _groups(lacks: Mapping[str, str]) -> Iterator[str]:
    by_lack: dict[str, list[str]] = {}
    for host, what in lacks.items():
        by_lack.setdefault(what, []).append(host)
    for what, names in by_lack.items():
        yield f"{', '.join(names)} {'lacks' if len(names) == 1 else 'lack'} {what}"
