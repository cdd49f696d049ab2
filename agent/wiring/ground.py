"""Settings and definitions in, what most parts of the agent stand on out."""

from __future__ import annotations

from dataclasses import dataclass

from agent.clock import Clock
from agent.collect import PrometheusSource
from agent.config import Settings
from agent.store import Stores, open_stores
from agent.wiring.definitions import Current, Definitions, with_digests
from agent.wiring.parts import AnsibleParts, make_ansible, make_source


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What is in force, what is remembered, who is asked, and what time it is."""

    current: Current
    stores: Stores
    source: PrometheusSource
    ansible: AnsibleParts
    clock: Clock


def make_ground(settings: Settings, definitions: Definitions, clock: Clock) -> Ground:
    """Return what parts stand on. Raises StoreError, and ConfigError where remediations cannot be copied."""
    stores = open_stores(settings.database)
    ansible = make_ansible(settings, clock)
    return Ground(
        current=Current(settings, with_digests(definitions, ansible.snapshots)),
        stores=stores,
        source=make_source(settings),
        ansible=ansible,
        clock=clock,
    )
