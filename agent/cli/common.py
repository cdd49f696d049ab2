"""What commands need that work on the state itself, not through the agent: settings, and the right to it."""

from __future__ import annotations

import os
from pathlib import Path

from agent.config import Settings, find_config_file, load_settings
from agent.errors import RefusedError, StoreUnavailable
from agent.store import Stores, open_stores


def settings_of_state(config: Path | None) -> Settings:
    """Return the settings.

    Raises RefusedError for who may not read the state that they name, StoreUnavailable where it is no folder.
    """
    settings = load_settings(find_config_file(config))
    folder = settings.agent.state_dir
    try:
        if os.path.lexists(folder) and not folder.is_dir():
            raise StoreUnavailable(f"{folder} is no folder: agent.state_dir in opsmend.yml must name one")
        allowed = not folder.exists() or os.access(folder, os.R_OK | os.X_OK)
    except PermissionError:
        allowed = False
    if not allowed:
        raise RefusedError(f"{folder} is for root and the agent's user only: use sudo")
    return settings


def settings_and_stores(config: Path | None) -> tuple[Settings, Stores]:
    """Return the settings and the open store. Raises StoreUnavailable when no agent ever ran here."""
    settings = settings_of_state(config)
    if not settings.database.exists():
        raise StoreUnavailable(f"{settings.database} does not exist; has the agent been started?")
    return settings, open_stores(settings.database, upgrade=False)
