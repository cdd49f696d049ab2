"""``rules/exporters.yml``: where metrics come from, by how their names begin, and how one gets them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from agent.config.scalars import Identifier, Text
from agent.config.yamlfile import Strict, read_yaml, validate
from agent.errors import ConfigError, Problem, gathering

_Metric = Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$", max_length=200)]


class Exporter(Strict):
    """One source of metrics on hosts."""

    id: Identifier
    summary: Text
    metrics: list[_Metric] = Field(min_length=1, description="what the names of its metrics begin with")
    present: _Metric = Field(description="a metric that is there whenever it works")
    everywhere: bool = Field(default=False, description="every host should have it")
    service: Text | None = Field(default=None, description="it is wanted only where this runs")
    get: Text = Field(description="how one gets it")


class ExporterFile(Strict):
    """``rules/exporters.yml``."""

    exporters: list[Exporter]


def load_exporters(folders: Iterable[Path]) -> dict[str, Exporter]:
    """Read the files of the rule folders, a later one replacing by id.

    Raises ConfigError with every problem found in any file.
    """
    found: dict[str, Exporter] = {}
    problems: list[Problem] = []
    for folder in folders:
        file = folder / "exporters.yml"
        if not file.is_file():
            continue
        with gathering(problems):
            found |= {one.id: one for one in validate(ExporterFile, read_yaml(file)).exporters}
    if problems:
        raise ConfigError(problems)
    return found


def exporter_of(metric: str, exporters: Mapping[str, Exporter]) -> str | None:
    """Return the exporter that a metric comes from: of several beginnings that fit the longest counts."""
    fits = [
        (len(beginning), one.id)
        for one in exporters.values()
        for beginning in one.metrics
        if metric.startswith(beginning)
    ]
    return max(fits)[1] if fits else None
