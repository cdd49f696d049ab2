"""The operator's ansible.cfg in, by way of the environment, what the agent needs of it out.

A process of its own, ``python -m agent.ansible.read_config``. On the last line of standard output: where
Ansible looks for collections, roles and plugins, files that the configuration names relative to itself, and
which of the agent's defaults the operator has not decided otherwise.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.loader import connection_loader, init_plugin_loader

_PATHS = frozenset({"path", "pathlist", "pathspec", "tmppath"})
# settings of Ansible for which the agent has a default of its own, by the variable that would set it
_DEFAULTS = {
    "ANSIBLE_PIPELINING": ("pipelining", "connection", "ssh"),
    "ANSIBLE_SSH_ARGS": ("ssh_args", "connection", "ssh"),
    "ANSIBLE_SSH_CONTROL_PATH_DIR": ("control_path_dir", "connection", "ssh"),
    "ANSIBLE_MODULE_STRICT_UTF8_RESPONSE": ("MODULE_STRICT_UTF8_RESPONSE", None, None),
    "ANSIBLE_DEPRECATION_WARNINGS": ("DEPRECATION_WARNINGS", None, None),
    "ANSIBLE_LOCALHOST_WARNING": ("LOCALHOST_WARNING", None, None),
}


def main() -> None:
    """Write what the configuration in force says."""
    init_plugin_loader()
    connection_loader.get("ssh", class_only=True)
    search: dict[str, list[str]] = {}
    values: dict[str, str] = {}
    for name, definition in constants.config.get_configuration_definitions().items():
        variable = _variable(definition)
        if variable is None or definition.get("type") not in _PATHS:
            continue
        value, origin = constants.config.get_config_value_and_origin(name, variables=vars(constants))
        if definition["type"] == "pathspec":
            search[variable] = [str(one) for one in value or ()]
        elif origin == constants.CONFIG_FILE and value:
            values[variable] = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    cache, origin = constants.config.get_config_value_and_origin("CACHE_PLUGIN_CONNECTION")
    if cache and origin == constants.CONFIG_FILE and ":" not in str(cache):
        values["ANSIBLE_CACHE_PLUGIN_CONNECTION"] = str(_beside_config(str(cache)))
    identities, prompts = _identities()
    if identities:
        values["ANSIBLE_VAULT_IDENTITY_LIST"] = ",".join(identities)
    answer = {
        "search": search,
        "values": values,
        "undecided": [
            one for one, (name, kind, plugin) in _DEFAULTS.items() if _is_default(name, kind, plugin)
        ],
        "prompts": prompts,
        "vault_files": _vault_files(identities),
    }
    sys.stdout.write(f"\n{json.dumps(answer)}\n")


def _variable(definition: Any) -> str | None:
    variables = [one["name"] for one in definition.get("env") or () if not one.get("deprecated")]
    return variables[0] if variables else None


def _is_default(name: str, kind: str | None, plugin: str | None) -> bool:
    _, origin = constants.config.get_config_value_and_origin(name, plugin_type=kind, plugin_name=plugin)
    return bool(origin == "default")


def _identities() -> tuple[list[str], list[str]]:
    """Return the vault identities with whole paths, and those that would ask a person."""
    value, origin = constants.config.get_config_value_and_origin("DEFAULT_VAULT_IDENTITY_LIST")
    identities, prompts = [], []
    for one in map(str, value or ()):
        label, at, place = one.rpartition("@")
        if place.startswith("prompt"):
            prompts.append(one)
            continue
        path = (
            _beside_config(place) if origin == constants.CONFIG_FILE else Path(place).expanduser().absolute()
        )
        identities.append(f"{label}{at}{path}")
    return identities, prompts


def _beside_config(place: str) -> Path:
    """Return a path as people mean it who write it into the file: from where the file is."""
    return Path(constants.CONFIG_FILE).parent / Path(place).expanduser()


def _vault_files(identities: list[str]) -> list[str]:
    files = [one.rpartition("@")[2] for one in identities]
    single = constants.DEFAULT_VAULT_PASSWORD_FILE
    return [*files, str(single)] if single else files


if __name__ == "__main__":
    main()
