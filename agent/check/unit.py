"""The agent's unit in, what the settings name that it hides from the agent or makes read-only for it out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from agent.config import Settings
from agent.config.places import files_of
from agent.config.runtimefolder import DEFAULT_FILE
from agent.errors import Problem

UNIT = "opsmend.service"
HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 (they are looked for, not used)
_WITHIN_S = 10.0
_ASKED = (
    "LoadState", "ProtectSystem", "ProtectHome", "PrivateTmp", "StateDirectory", "RuntimeDirectory",
    "ReadWritePaths", "BindPaths", "BindReadOnlyPaths",
)  # fmt: skip


def ask_systemd(*properties: str, unit: str = UNIT) -> Sequence[tuple[str, str]]:
    """Return properties of a unit with their values, nothing where there is no systemd to ask."""
    try:
        command = ["systemctl", "show", f"--property={','.join(properties)}", unit]
        asked = subprocess.run(command, capture_output=True, text=True, timeout=_WITHIN_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = (line.partition("=") for line in asked.stdout.splitlines())
    return [(name, value) for name, equals, value in found if equals]


def check_unit(settings: Settings, file: Path) -> Iterator[Problem]:
    """Yield what the agent could not reach once its unit runs it, whoever may reach it here."""
    if file.resolve() != DEFAULT_FILE.resolve():
        return  # not the settings of the unit's agent
    said = dict(ask_systemd(*_ASKED))
    if said.get("LoadState") != "loaded":
        return
    yield from _read_only(settings, file, said)
    yield from _hidden(settings, file, said)


def _read_only(settings: Settings, file: Path, said: Mapping[str, str]) -> Iterator[Problem]:
    if said.get("ProtectSystem") != "strict":
        return
    writable = [*_paths(said, "ReadWritePaths"), *_paths(said, "BindPaths")]
    for root, name in (("/var/lib", "StateDirectory"), ("/run", "RuntimeDirectory")):
        writable += [Path(root) / one.partition(":")[0] for one in said.get(name, "").split()]
    agent = settings.agent
    for key, folder in (("agent.state_dir", agent.state_dir), ("agent.runtime_dir", agent.runtime_dir)):
        if not any(folder.is_relative_to(one) for one in writable):
            hint = f"sudo systemctl edit {UNIT}: [Service], ReadWritePaths={folder}"
            yield Problem(file, f"{folder} is read-only for the agent's unit", key=key, hint=hint)


def _hidden(settings: Settings, file: Path, said: Mapping[str, str]) -> Iterator[Problem]:
    hidden = list(HOMES) if said.get("ProtectHome") in ("yes", "tmpfs") else []
    hidden += _TEMPORARY if said.get("PrivateTmp") == "yes" else ()
    shown = [*_paths(said, "BindPaths"), *_paths(said, "BindReadOnlyPaths")]
    if handed := os.environ.get("CREDENTIALS_DIRECTORY"):
        shown.append(Path(handed))
    for key, path in _named(settings):
        for folder in hidden:
            if path.resolve().is_relative_to(folder) and not any(path.is_relative_to(one) for one in shown):
                what = f"{path} is below {folder}, which the agent's unit hides from it"
                yield Problem(file, what, key=key, hint=f"put it below {DEFAULT_FILE.parent} or /srv")


def _named(settings: Settings) -> Iterator[tuple[str, Path]]:
    for key, paths in (
        ("paths.rules", settings.paths.rules),
        ("paths.playbooks", settings.paths.playbooks),
        ("paths.inventory", settings.paths.inventory),
    ):
        yield from ((key, path) for path in paths)
    yield "agent.state_dir", settings.agent.state_dir
    if settings.remediate.ansible_config is not None:
        yield "remediate.ansible_config", settings.remediate.ansible_config
    yield from files_of(settings)


def _paths(said: Mapping[str, str], name: str) -> list[Path]:
    """Return the paths of a property: each may begin with a sign, a bound one with where it comes from."""
    words = (word.lstrip("-+").split(":") for word in said.get(name, "").split())
    places = ([part for part in word if part.startswith("/")] for word in words)
    return [Path(found[-1]) for found in places if found]
