"""A site looked at before there are settings: its Prometheus, its inventory, and how they fit."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.check.coverage import Coverage
from agent.check.lines import Level, Line
from agent.check.prometheus import Scraped, look_at_prometheus
from agent.clock import SystemClock
from agent.config import Settings, load_rules, load_settings
from agent.config.exporterfile import load_exporters
from agent.errors import SourceUnreachable
from agent.records import InventoryHost
from agent.setup.naming import Naming, match_names
from agent.setup.written import Answers, Places, settings_text
from agent.wiring import make_ansible


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a site has. ``hosts`` are those of the inventory, or of Prometheus where there is none."""

    lines: Sequence[Line]
    scraped: Scraped
    hosts: Mapping[str, InventoryHost]
    naming: Naming
    coverage: Coverage

    def seen(self) -> Mapping[str, list[str]]:
        """Return of each fault on which hosts it can be seen, of those that Prometheus has samples of."""
        found: dict[str, list[str]] = {fault: [] for fault in self.coverage.faults}
        for name, called in self.naming.called.items():
            blind = set(self.coverage.blind(self.scraped.on(called)))
            for fault, hosts in found.items():
                if called and fault not in blind:
                    hosts.append(name)
        return found

    def blind_without(self) -> Mapping[str, list[str]]:
        """Return of each exporter that works nowhere the faults that cannot be seen for want of it."""
        nowhere = [id_ for id_, hosts in self.scraped.exporters.items() if not hosts]
        there = set(self.scraped.exporters) - set(nowhere)
        hidden = {id_: self.coverage.hidden_by(id_, there) for id_ in nowhere}
        return {id_: faults for id_, faults in hidden.items() if faults}


def survey(answers: Answers, places: Places) -> Survey:
    """Look at Prometheus and inventory. Raises SourceUnreachable, RunError, ConfigError."""
    settings = draft(answers, places)
    exporters = load_exporters(settings.paths.rules)
    book = load_rules(settings.paths.rules)
    lines, scraped = look_at_prometheus(settings, book, exporters)
    if scraped is None:
        raise SourceUnreachable(next(line.text for line in lines if line.level is Level.WRONG))
    hosts = _inventory(settings, answers) or _hosts_of(scraped)
    return Survey(
        lines=lines,
        scraped=scraped,
        hosts=hosts,
        naming=match_names(hosts, scraped.hosts),
        coverage=Coverage(book, exporters, ()),
    )


def draft(answers: Answers, places: Places) -> Settings:
    """Return the settings as they would be read once they are written. Raises ConfigError."""
    with tempfile.TemporaryDirectory(prefix="opsmend-init-") as folder:
        file = Path(folder) / "opsmend.yml"
        file.write_text(settings_text(answers, places))
        return load_settings(file, {})


def _inventory(settings: Settings, answers: Answers) -> Mapping[str, InventoryHost]:
    if answers.inventory is None:
        return {}
    paths = settings.paths.model_copy(update={"inventory": (answers.inventory,)})
    with tempfile.TemporaryDirectory(prefix="opsmend-init-") as folder:
        agent = settings.agent.model_copy(update={"runtime_dir": Path(folder), "state_dir": Path(folder)})
        alone = settings.model_copy(update={"paths": paths, "agent": agent})
        return make_ansible(alone, SystemClock()).inventory.hosts()


def _hosts_of(scraped: Scraped) -> Mapping[str, InventoryHost]:
    """Return a host for each that node_exporter runs on, or for every target where it runs nowhere."""
    names = scraped.exporters.get("node_exporter") or scraped.hosts
    return {name: InventoryHost(name=name, address=name, port=22) for name in sorted(names)}
