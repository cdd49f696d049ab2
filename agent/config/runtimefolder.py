"""The file of settings in, where its agent can be asked out, and nothing else of it read.

Commands that ask the agent need no more, and checking all settings would be half of their time. Whatever is
out of the ordinary is left to who reads the settings whole, and says what is wrong with them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import yaml

DEFAULT_FILE = Path("/etc/opsmend/opsmend.yml")
DEFAULT_FOLDER = Path("/run/opsmend")
_LARGEST = 2**20  # bytes
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def find_config_file(given: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the config file: as given, else ``$OPSMEND_CONFIG``, else the default place."""
    return given or Path(environment.get("OPSMEND_CONFIG") or DEFAULT_FILE)


def find_runtime_folder(given: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the runtime folder that the settings name. Raises ConfigError when they cannot be used."""
    named = given or environment.get("OPSMEND_CONFIG")
    if not any(variable.startswith("OPSMEND_AGENT") for variable in environment):
        if not named and DEFAULT_FOLDER.is_dir():
            return DEFAULT_FOLDER
        quickly = _written_folder(Path(named or DEFAULT_FILE))
        if quickly is not None:
            return quickly
    from agent.config.load import load_settings  # pydantic and all models of the settings

    return load_settings(find_config_file(given, environment), environment).agent.runtime_dir


def _written_folder(file: Path) -> Path | None:
    try:
        text = file.read_bytes()
        if b"*" in text or len(text) > _LARGEST:  # aliases may stand for more than memory holds
            return None
        content = yaml.load(text, _LOADER)  # noqa: S506 - both that it can be are safe
        written = content["agent"]["runtime_dir"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError, yaml.YAMLError):
        return None
    return file.resolve().parent / written if isinstance(written, str) and written else None
