"""The settings and the inventory in, in which time zone each host lives out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from tzlocal import reload_localzone

from agent.config.settings import DetectSection
from agent.detect.calendar import Calendars
from agent.errors import RunError
from agent.log import Logger
from agent.remediate import AnsibleInventory, Inventory
from agent.wiring.definitions import Current

VARIABLE = "opsmend_timezone"

log = Logger("detect")


def make_calendars(settings: DetectSection, inventory: AnsibleInventory, current: Current) -> Calendars:
    """Return the calendars that series follow."""
    return Calendars(zone_of(settings), current.holidays, HostZones(inventory))


def zone_of(settings: DetectSection) -> tzinfo:
    """Return the time zone of hosts of which no other is known."""
    if settings.timezone:
        return ZoneInfo(settings.timezone)
    try:
        return reload_localzone()
    except (KeyError, ValueError, OSError) as error:
        log.warning("the machine's time zone is not known, series follow UTC", why=str(error))
        return UTC


def unknown_zones(inventory: Inventory) -> Iterator[tuple[str, object]]:
    """Yield the hosts whose time zone does not exist, and what it is called."""
    for name, host in sorted(inventory.hosts.items()):
        zone = host.variables.get(VARIABLE)
        if zone is not None and zone not in available_timezones():
            yield name, zone


class HostZones:
    """The time zones of hosts, under every name that a label may call them."""

    def __init__(self, inventory: AnsibleInventory) -> None:
        self._inventory = inventory
        self._looked_at: Inventory | None = None
        self._zones: Mapping[str, str] = {}
        self._asked = False

    def __call__(self) -> Mapping[str, str]:
        """Return them as the inventory was read last. Only the first call waits for it."""
        known = self._inventory.known if self._asked else self._read()
        self._asked = True
        if known is not None and known is not self._looked_at:
            self._looked_at = known
            self._zones = dict(_named(known))
        return self._zones

    def _read(self) -> Inventory | None:
        try:
            return self._inventory.read()
        except RunError:
            return None  # whoever needs it says so


def _named(inventory: Inventory) -> Mapping[str, str]:
    zones = {}
    for host in inventory.hosts.values():
        zone = host.variables.get(VARIABLE)
        if isinstance(zone, str) and zone:
            zones.update(dict.fromkeys(host.names, zone))
    return zones
