"""Settings in, everything that the agent will need looked at, line by line, out. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.check.coverage import Coverage
from agent.check.exporters import arrivals_of, check_exporters
from agent.check.hosts import Answers, ask_hosts, check_ansible, check_inventory
from agent.check.lines import Line, wrong
from agent.check.notifications import check_notifications
from agent.check.prometheus import Scraped, look_at_prometheus
from agent.check.remediations import check_remediations, commands_of
from agent.check.sources import check_sources
from agent.clock import SystemClock
from agent.config import Rulebook, Settings
from agent.config.exporterfile import Exporter, load_exporters
from agent.errors import OpsmendError
from agent.remediate import Inventory
from agent.wiring import Definitions, make_ansible


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What is looked at: the settings and what contributors wrote.

    ``folder`` is one of our own for what Ansible needs; the agent's folders are the agent's. Without
    ``as_agent`` somebody else looks, whose keys and files are not the agent's: no host is asked.
    """

    settings: Settings
    definitions: Definitions | None
    folder: Path
    as_agent: bool = True

    def check(self, send: bool) -> Iterator[Line]:
        """Yield how everything is; with ``send`` the targets of messages are sent one."""
        book = self.definitions.book if self.definitions else Rulebook({}, {}, {})
        exporters = load_exporters(self.settings.paths.rules)
        lines, scraped = look_at_prometheus(self.settings, book, exporters)
        yield from lines
        yield from check_sources(self.settings)
        yield from self._check_hosts(exporters, scraped)
        policy = self.definitions.policy if self.definitions else None
        yield from check_notifications(self.settings, policy, send, self.as_agent)

    def _check_hosts(self, exporters: Mapping[str, Exporter], scraped: Scraped | None) -> Iterator[Line]:
        ansible = make_ansible(with_folder(self.settings, self.folder), SystemClock())
        seen = scraped.hosts if scraped else None
        catalog = self.definitions.catalog if self.definitions else {}
        try:
            yield from check_ansible(ansible, self.as_agent)
            inventory = ansible.inventory.read()
            yield from check_inventory(inventory, seen)
            answers = Answers()
            if self.as_agent:
                answers = ask_hosts(ansible, inventory, seen, commands_of(catalog.values()))
        except OpsmendError as error:
            yield wrong("inventory", str(error))
            return
        yield from answers.lines
        if self.definitions is not None and scraped is not None:
            coverage = Coverage(self.definitions.book, exporters, arrivals_of(self.settings))
            yield from self._check_uses(coverage, exporters, scraped, inventory, answers)

    def _check_uses(
        self,
        coverage: Coverage,
        exporters: Mapping[str, Exporter],
        scraped: Scraped,
        inventory: Inventory,
        answers: Answers,
    ) -> Iterator[Line]:
        assert self.definitions is not None
        called = {
            name: [one for one in scraped.hosts if host.is_called(one)]
            for name, host in inventory.hosts.items()
        }
        seen = {name: names for name, names in called.items() if names}
        yield from check_exporters(coverage, exporters, scraped, seen)
        if not self.as_agent:
            return
        present = {name: scraped.on(names) for name, names in seen.items()}
        yield from check_remediations(
            self.definitions.catalog,
            {name: inventory.hosts[name] for name in seen},
            answers.programs,
            present,
            coverage,
        )


def with_folder(settings: Settings, folder: Path) -> Settings:
    """Return settings by which Ansible works in a folder of ours, and nothing is written to the agent's."""
    agent = settings.agent.model_copy(update={"state_dir": folder, "runtime_dir": folder})
    return settings.model_copy(update={"agent": agent})
