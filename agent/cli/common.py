"""What every command needs first: the settings, and the store where it looks things up."""

from __future__ import annotations

from pathlib import Path

from agent.config import Settings, find_config_file, load_settings
from agent.errors import StoreUnavailable
from agent.store import Stores, open_stores


def settings_and_stores(config: Path | None) -> tuple[Settings, Stores]:
    """Return the settings and the open store. Raises StoreUnavailable when no agent ever ran here."""
    settings = load_settings(find_config_file(config))
    if not settings.database.exists():
        raise StoreUnavailable(f"{settings.database} does not exist; has the agent been started?")
    return settings, open_stores(settings.database, upgrade=False)
