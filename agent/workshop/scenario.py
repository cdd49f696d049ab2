"""A remediation's Molecule scenario: its hosts, their variables, and what is to be seen of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.config.scalars import Identifier, Text
from agent.config.yamlfile import Strict, read_yaml, validate
from agent.errors import ConfigError, Problem

FOLDER = Path("molecule") / "default"
TARGET = "target"
PLAYBOOKS = ("healthy.yml", "prepare.yml", "converge.yml", "verify.yml")
MOLECULE_FILE = "molecule.yml"

PackageName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]{0,63}$")]
HostName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,15}$")]


class _Open(BaseModel):
    """A part of molecule.yml; the rest of that file is Molecule's to judge."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Probe(Strict):
    """A target of blackbox_exporter, with the unit behind it."""

    url: str = Field(pattern=r"^(https?://[a-z][a-z0-9]*(:[0-9]+)?/\S*|dns://[a-z][a-z0-9]*:[0-9]+)$")
    unit: str = Field(pattern=r"^[\w@:.\\-]+\.service$")


class Platform(_Open):
    """One host of a scenario, and how the monitoring of a site would see it.

    ``may_change`` are units and beginnings of paths that the repair may change on it, ``restless`` what
    the fault itself goes on changing; everything else has to stay as it was. ``fault`` and ``ends`` are
    what a running agent has to make of the broken target, ``also`` what it may rightly find on this host too.
    """

    name: HostName
    tmpfs: list[str] = Field(default_factory=list, description="mounts, such as /srv/data:size=20m")
    packages: list[PackageName] = Field(
        default_factory=list, description="of Debian, beside those of every test host; all hosts have them"
    )
    may_change: list[str] = Field(default_factory=list)
    restless: list[str] = Field(default_factory=list)
    exporters: list[Literal["haproxy", "mysql", "postgres", "redis"]] = Field(
        default_factory=list, description="beside node_exporter and process-exporter, which every host has"
    )
    probes: list[Probe] = Field(default_factory=list)
    fault: Identifier | None = None
    also: list[Identifier] = Field(default_factory=list)
    ends: Literal["recovered", "escalated"] = "recovered"
    unmet: Text | None = Field(
        default=None,
        description="why no running agent can meet the fault on test hosts, as those are minutes old",
    )


class _Inventory(_Open):
    group_vars: dict[str, dict[str, Any]] = Field(default_factory=dict)
    host_vars: dict[str, dict[str, Any]] = Field(default_factory=dict)


class _Provisioner(_Open):
    inventory: _Inventory = _Inventory()


class MoleculeFile(_Open):
    """``molecule.yml``, as far as hosts and their variables go."""

    platforms: list[Platform] = Field(
        default_factory=lambda: [Platform(name=TARGET), Platform(name="bystander")], min_length=2
    )
    provisioner: _Provisioner = _Provisioner()

    @model_validator(mode="after")
    def _has_a_target(self) -> MoleculeFile:
        if TARGET not in [platform.name for platform in self.platforms]:
            raise ValueError(f"one of the platforms must be named '{TARGET}'; the others must stay untouched")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scenario as it was found on disk; ``folder`` is where its molecule.yml stands."""

    remediation: str
    folder: Path
    platforms: tuple[Platform, ...]
    group_variables: dict[str, dict[str, Any]]
    host_variables: dict[str, dict[str, Any]]

    @property
    def target(self) -> Platform:
        """Return the host that is broken and repaired."""
        return next(one for one in self.platforms if one.name == TARGET)

    @property
    def packages(self) -> list[str]:
        """Return what the hosts have beside the packages of every test host."""
        return [package for one in self.platforms for package in one.packages]

    @property
    def mounts(self) -> dict[str, list[str]]:
        """Return the tmpfs mounts of each host."""
        return {one.name: one.tmpfs for one in self.platforms}


def load_scenario(remediation: Path) -> Scenario:
    """Read the scenario of a remediation's folder. Raises ConfigError with every problem found."""
    folder = remediation / FOLDER
    missing = [
        Problem(folder / name, "is missing", hint="opsmend playbooks new shows what belongs there")
        for name in (MOLECULE_FILE, *PLAYBOOKS)
        if not (folder / name).is_file()
    ]
    if missing:
        raise ConfigError(missing)
    content = validate(MoleculeFile, read_yaml(folder / MOLECULE_FILE))
    inventory = content.provisioner.inventory
    return Scenario(
        remediation=remediation.name,
        folder=folder,
        platforms=tuple(content.platforms),
        group_variables=inventory.group_vars,
        host_variables=inventory.host_vars,
    )
