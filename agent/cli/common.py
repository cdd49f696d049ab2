"""What every command needs first: the settings, and the store where it looks things up."""

from __future__ import annotations

from pathlib import Path

from agent.config import Settings, find_config_file, load_settings
from agent.errors import RefusedError, StoreUnavailable
from agent.store import Stores, open_stores


def settings_and_stores(config: Path | None) -> tuple[Settings, Stores]:
    """Return the settings and the open store. Raises StoreUnavailable when no agent ever ran here."""
    settings = load_settings(find_config_file(config))
    try:
        exists = settings.database.exists()
    except PermissionError as error:
        raise RefusedError(
            f"{settings.database} is for root and the agent's user only, and no agent answers that you could "
            "ask instead: use sudo"
        ) from error
    if not exists:
        raise StoreUnavailable(f"{settings.database} does not exist; has the agent been started?")
    return settings, open_stores(settings.database, upgrade=False)
