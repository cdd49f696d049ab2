"""Suspects and the inventory in, which of its hosts they are and what to ask there out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from agent.records import HostNames, Incident, InventoryHost

_MOST = 20  # hosts that are handed on; the likeliest few are asked


def unit_of(incident: Incident) -> str:
    """Return the unit an incident is about, or nothing."""
    labelled = (one.labels.get("unit", "") for one in incident.diagnosis.candidates)
    return next((unit for unit in labelled if unit), "")


def hosts_of(hosts: Mapping[str, InventoryHost], wanted: Iterable[str]) -> dict[str, str]:
    """Return the inventory's name of each wanted host, by the name it was asked for.

    What fits no host or several, and what cannot be reached for sure, is left out.
    """
    names = HostNames(hosts.values())
    found = {}
    for name in dict.fromkeys(wanted):
        known = names.meant_by(name)
        if len(known) == 1 and known[0].identity:
            found[name] = known[0].name
    return dict(list(found.items())[:_MOST])


def certificates_of(host: InventoryHost, unit: str) -> Sequence[str]:
    """Return the certificates of a unit that the inventory knows of."""
    services = host.variables.get("opsmend_services")
    service = services.get(unit) if isinstance(services, Mapping) else None
    certificate = service.get("certificate") if isinstance(service, Mapping) else None
    path = certificate.get("path") if isinstance(certificate, Mapping) else None
    return [path] if isinstance(path, str) else []
