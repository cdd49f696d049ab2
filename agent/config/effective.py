"""Settings in, every value by its key out: where it comes from, and how two differ."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.config.load import load_settings, read_settings
from agent.config.settings import Settings
from agent.config.yamlfile import KeyPath

DEFAULT = "default"
# what a reload brings into force; every other setting is used once, when the agent is put together
LIVE = (
    "agent.log_format",
    "agent.log_level",
    "agent.mode",
    "api.tokens_file",
    "diagnose.classifier",
    "diagnose.ignored_alerts",
    "diagnose.keep_for",
    "diagnose.settle",
    "notify.escalate_to",
    "notify.remind_every",
    "notify.targets",
    "paths.rules",
    "remediate.grace",
    "retention",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """One value in force and where it comes from: ``FILE:LINE``, a variable of the environment, default."""

    key: str
    value: Any
    origin: str


def flatten(settings: Settings) -> dict[str, Any]:
    """Return every value by its dotted key, as the file would write it; a list is one value."""
    return dict(_leaves(settings.model_dump(mode="json", by_alias=True), ""))


def explain(file: Path, environment: Mapping[str, str] = os.environ) -> Iterator[Effective]:
    """Yield every value in force with its origin. Raises ConfigError."""
    document, variables = read_settings(file, environment)
    for key, value in flatten(load_settings(file, environment)).items():
        path: KeyPath = tuple(key.split("."))
        yield Effective(key=key, value=value, origin=_origin(path, document.lines, variables, file))


def changed_keys(old: Settings, new: Settings) -> list[str]:
    """Return the keys whose values differ, in the order of the file."""
    before, after = flatten(old), flatten(new)
    missing = object()
    both = dict.fromkeys([*after, *before])
    return [key for key in both if before.get(key, missing) != after.get(key, missing)]


def is_under(key: str, prefixes: Iterable[str]) -> bool:
    """Return whether a key is one of some keys or stands in one of those sections."""
    return any(key == prefix or key.startswith(f"{prefix}.") for prefix in prefixes)


def overlay(old: Settings, new: Settings, prefixes: Iterable[str]) -> Settings:
    """Return the old settings with the new ones' values under some keys."""
    base, other = old.model_dump(by_alias=True), new.model_dump(by_alias=True)
    for prefix in prefixes:
        *sections, name = prefix.split(".")
        inside, source = base, other
        for section in sections:
            inside, source = inside[section], source[section]
        inside[name] = source[name]
    return Settings.model_validate(base)


def _leaves(value: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{prefix}.{name}" if prefix else str(name))
    else:
        yield prefix, value


def _origin(path: KeyPath, lines: Mapping[KeyPath, int], variables: Mapping[KeyPath, str], file: Path) -> str:
    for end in range(len(path), 0, -1):
        if path[:end] in variables:
            return f"environment {variables[path[:end]]}"
    return f"{file}:{lines[path]}" if path in lines else DEFAULT
