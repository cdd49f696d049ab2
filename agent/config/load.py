"""Settings in two steps: file and environment against the schema, then checks against the machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from agent.config.api import ApiSection
from agent.config.permissions import check_permissions
from agent.config.runtimefolder import DEFAULT_FILE
from agent.config.settings import CollectSection, Settings
from agent.config.yamlfile import Document, KeyPath, read_yaml, validate
from agent.errors import ConfigError, Problem

_MADE_BY_SYSTEMD = Path("/run")  # the unit's RuntimeDirectory is there while the agent runs
ENVIRONMENT_PREFIX = "OPSMEND_"


def find_config_file(given: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the config file: as given, else ``$OPSMEND_CONFIG``, else the default place."""
    return given or Path(environment.get("OPSMEND_CONFIG") or DEFAULT_FILE)


def load_settings(file: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    ``OPSMEND_COLLECT__PROMETHEUS__URL`` overrides ``collect.prometheus.url``, and so on. Relative
    paths count from the folder of the file. Raises ConfigError with every problem found.
    """
    document, variables = read_settings(file, environment)
    try:
        settings = validate(Settings, document)
    except ConfigError as error:
        raise ConfigError([_name_variable(problem, variables) for problem in error.problems]) from error
    return _with_absolute_paths(settings, file.resolve().parent, environment.get("CREDENTIALS_DIRECTORY"))


def read_settings(
    file: Path, environment: Mapping[str, str] = os.environ
) -> tuple[Document, Mapping[KeyPath, str]]:
    """Return what the file and the environment say, unchecked, and which variable gives which key."""
    if not os.path.lexists(file) and os.access(file.parent, os.X_OK):
        hint = "give --config FILE, set OPSMEND_CONFIG, or let 'opsmend init' write it"
        raise ConfigError([Problem(file, "does not exist", hint=hint)])
    return _with_environment(read_yaml(file), environment)


def check_settings(settings: Settings, file: Path) -> Iterator[Problem]:
    """Yield what does not fit this machine: folders that are missing or cannot be written."""
    for key, folders in (
        ("paths.rules", settings.paths.rules),
        ("paths.playbooks", settings.paths.playbooks),
        ("paths.inventory", settings.paths.inventory),
    ):
        for folder in folders:
            if not folder.exists():
                yield Problem(file, f"{folder} does not exist", key=key)
    for key, folder in (
        ("agent.state_dir", settings.agent.state_dir),
        ("agent.runtime_dir", settings.agent.runtime_dir),
    ):
        if folder.parent == _MADE_BY_SYSTEMD and not folder.exists():
            continue
        existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if not os.access(existing, os.W_OK):
            yield Problem(file, f"{existing} cannot be written by this user", key=key)
    yield from check_permissions(
        folder for folder in (*settings.paths.rules, *settings.paths.playbooks) if folder.is_dir()
    )
    for name, target in settings.notify.targets.items():
        if not os.access(target.url_file, os.R_OK):
            yield Problem(file, f"{target.url_file} cannot be read", key=f"notify.targets.{name}.url_file")
    vault = settings.remediate.vault_password_file
    if vault and not os.access(vault, os.R_OK):
        yield Problem(file, f"{vault} cannot be read", key="remediate.vault_password_file")


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
            value = yaml.safe_load(environment[variable])
        except yaml.YAMLError:
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


def _with_absolute_paths(settings: Settings, base: Path, credentials: str | None) -> Settings:
    """Let relative paths count from ``base``, those of secrets first from systemd's credentials."""

    def absolute(path: Path) -> Path:
        return path if path.is_absolute() else (base / path).resolve()

    def secret(path: Path | None) -> Path | None:
        if path and credentials and not path.is_absolute() and (Path(credentials) / path).is_file():
            return Path(credentials) / path
        return path and absolute(path)

    agent, paths, remediate = settings.agent, settings.paths, settings.remediate
    targets = {
        name: target.model_copy(update={"url_file": secret(target.url_file)})
        for name, target in settings.notify.targets.items()
    }
    return settings.model_copy(
        update={
            "agent": agent.model_copy(
                update={
                    "state_dir": absolute(agent.state_dir),
                    "runtime_dir": absolute(agent.runtime_dir),
                }
            ),
            "paths": paths.model_copy(
                update={
                    "rules": tuple(map(absolute, paths.rules)),
                    "playbooks": tuple(map(absolute, paths.playbooks)),
                    "inventory": tuple(map(absolute, paths.inventory)),
                }
            ),
            "collect": _with_absolute_files(settings.collect, secret),
            "api": _with_files_of_the_port(settings.api, secret),
            "notify": settings.notify.model_copy(update={"targets": targets}),
            "remediate": remediate.model_copy(
                update={
                    "vault_password_file": secret(remediate.vault_password_file),
                    "ansible_config": remediate.ansible_config and absolute(remediate.ansible_config),
                }
            ),
        }
    )


def _with_files_of_the_port(api: ApiSection, place: Callable[[Path | None], Path | None]) -> ApiSection:
    tls, proxy = api.tls, api.proxy
    if tls is not None:
        files = {"cert_file": place(tls.cert_file), "key_file": place(tls.key_file)}
        tls = tls.model_copy(update=files)
    if proxy is not None:
        proxy = proxy.model_copy(update={"secret_file": place(proxy.secret_file)})
    return api.model_copy(update={"tokens_file": place(api.tokens_file), "tls": tls, "proxy": proxy})


def _with_absolute_files(
    collect: CollectSection, place: Callable[[Path | None], Path | None]
) -> CollectSection:
    """Let the certificates and secrets of sources count from where those of others do."""
    found = {}
    for name in ("prometheus", "search", "kafka"):
        section = getattr(collect, name)
        if section is not None:
            files = [field for field in type(section).model_fields if field.endswith("_file")]
            found[name] = section.model_copy(
                update={field: place(getattr(section, field)) for field in files}
            )
    return collect.model_copy(update=found)
