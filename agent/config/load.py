"""Settings in two steps: file and environment against the schema, then checks against the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agent.config.permissions import check_permissions
from agent.config.places import files_of, places
from agent.config.settings import Settings
from agent.config.yamlfile import Document, KeyPath, parse_yaml, read_yaml, validate
from agent.errors import ConfigError, Problem

_MADE_BY_SYSTEMD = Path("/run")  # the unit's RuntimeDirectory is there while the agent runs
ENVIRONMENT_PREFIX = "OPSMEND_"


def load_settings(file: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    ``OPSMEND_COLLECT__PROMETHEUS__URL`` overrides ``collect.prometheus.url``, and so on. Relative
    paths count from the folder of the file. Raises ConfigError with every problem found.
    """
    document, variables = read_settings(file, environment)
    try:
        context = places(file.resolve().parent, environment.get("CREDENTIALS_DIRECTORY"))
        return validate(Settings, document, context=context)
    except ConfigError as error:
        raise ConfigError([_name_variable(problem, variables) for problem in error.problems]) from error


def read_settings(
    file: Path, environment: Mapping[str, str] = os.environ
) -> tuple[Document, Mapping[KeyPath, str]]:
    """Return what the file and the environment say, unchecked, and which variable gives which key."""
    if not _is_there(file):
        hint = "give --config FILE, set OPSMEND_CONFIG, or let 'opsmend init' write it"
        raise ConfigError([Problem(file, "does not exist", hint=hint)])
    return _with_environment(read_yaml(file), environment)


def _is_there(file: Path) -> bool:
    try:
        file.lstat()
    except FileNotFoundError:
        return False
    except OSError:
        pass  # reading it says why not
    return True


def check_settings(settings: Settings, file: Path, as_agent: bool = True) -> Iterator[Problem]:
    """Yield what does not fit this machine: folders that are missing, cannot be made or written.

    Without ``as_agent`` somebody else looks, whose own rights say nothing about the agent's.
    """
    for key, folders in (
        ("paths.rules", settings.paths.rules),
        ("paths.playbooks", settings.paths.playbooks),
        ("paths.inventory", settings.paths.inventory),
    ):
        for folder in folders:
            if not folder.exists():
                yield Problem(file, f"{folder} does not exist", key=key)
    yield from check_permissions(_deciding(settings, file))
    if not as_agent:
        return
    for key, folder in (
        ("agent.state_dir", settings.agent.state_dir),
        ("agent.runtime_dir", settings.agent.runtime_dir),
    ):
        if why := _why_unusable(folder):
            yield Problem(file, why, key=key)
    vault = settings.remediate.vault_password_file
    if vault and not os.access(vault, os.R_OK):
        yield Problem(file, f"{vault} cannot be read", key="remediate.vault_password_file")


def _why_unusable(folder: Path) -> str:
    """Return why this user can neither make a folder nor write to it, or nothing."""
    try:
        existing = next(one for one in (folder, *folder.parents) if os.path.lexists(one))
        if existing != folder and folder.parent == _MADE_BY_SYSTEMD:
            return ""
        what = f"{folder} cannot be made: {existing}" if existing != folder else str(folder)
        if not existing.exists():
            return f"{what} is a link to what does not exist"
        if not existing.is_dir():
            return f"{what} is no folder"
    except OSError as error:
        return f"{folder} cannot be looked at: {error.strerror}"
    return "" if os.access(existing, os.W_OK | os.X_OK) else f"{what} cannot be written by this user"


def check_files(settings: Settings, file: Path) -> Iterator[Problem]:
    """Yield the files of settings that cannot be read.

    The agent starts without them: one source or one target that is not to be had stops no other.
    """
    for key, path in files_of(settings):
        if key != "remediate.vault_password_file" and not os.access(path, os.R_OK):
            yield Problem(file, f"{path} cannot be read", key=key)


def _with_environment(
    document: Document, environment: Mapping[str, str]
) -> tuple[Document, dict[KeyPath, str]]:
    data: Any = document.data if document.data is not None else {}
    variables: dict[KeyPath, str] = {}
    lines = dict(document.lines)
    for variable in sorted(environment):
        if not variable.startswith(ENVIRONMENT_PREFIX) or "__" not in variable:
            continue
        path: KeyPath = tuple(variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"))
        try:
            value = parse_yaml(environment[variable], Path(variable)).data
        except ConfigError:
            value = environment[variable]
        data = _put(data, path, value)
        variables[path] = variable
        for end in range(1, len(path) + 1):
            lines.setdefault(path[:end], 0)
    return Document(document.file, data, lines), variables


def _put(data: Any, path: KeyPath, value: Any) -> Any:
    if not path:
        return value
    if not isinstance(data, dict):
        data = {}
    return {**data, path[0]: _put(data.get(path[0]), path[1:], value)}


def _name_variable(problem: Problem, variables: Mapping[KeyPath, str]) -> Problem:
    variable = variables.get(tuple(problem.key.split(".")))
    if variable is None:
        return problem
    return Problem(f"environment {variable}", problem.message, None, problem.key, problem.hint)


def _deciding(settings: Settings, file: Path) -> Iterator[Path]:
    """Yield everything that says what runs where; an inventory or a vault's password may be a program."""
    yield from (file, *settings.paths.rules, *settings.paths.playbooks)
    for source in settings.paths.inventory:
        yield source
        if source.is_file():
            yield from (source.parent / name for name in ("group_vars", "host_vars"))
    if settings.remediate.vault_password_file:
        yield settings.remediate.vault_password_file
