"""``opsmend backup`` and ``opsmend restore``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rich.markup import escape

from agent.cli.common import settings_of_state
from agent.cli.output import console
from agent.errors import ConflictError, NotFoundError, RefusedError, StoreError, StoreUnavailable
from agent.process import only_one
from agent.response.people import person_at_the_keyboard
from agent.store.backup import copy_store, schema_of
from agent.store.engine import HEAD
from agent.store.restore import put_back


def back_up(config: Path | None, file: Path) -> None:
    """Write a copy of the store, and prove that it can be read."""
    settings = settings_of_state(config)
    if not settings.database.exists():
        raise StoreUnavailable(f"{settings.database} does not exist; has the agent been started?")
    if file.exists():
        raise RefusedError(f"{file} is there already: name another file, or remove it")
    copy_store(settings.database, file)
    size = file.stat().st_size / 1e6
    console.print(
        f"wrote {escape(str(file))}, {size:.1f} MB, schema {schema_of(file)}. It holds what the store holds, "
        "secrets of tokens as digests only; settings and keys are files of their own: /etc/opsmend, "
        f"{escape(str(settings.agent.state_dir / '.ssh'))}",
        soft_wrap=True,
    )


def restore(config: Path | None, file: Path) -> None:
    """Put a copy in the place of the store, while no agent runs."""
    settings = settings_of_state(config)
    if not file.is_file():
        raise NotFoundError(f"{file} is no file")
    if (schema := schema_of(file)) > HEAD:
        raise StoreError(
            f"{file} has schema {schema}, this opsmend knows {HEAD}: install the version that made it"
        )
    try:
        with only_one(settings.agent.state_dir):
            kept = put_back(file, settings.database, person_at_the_keyboard().name, datetime.now(UTC))
    except ConflictError as error:
        raise ConflictError(f"{error}: stop it first (systemctl stop opsmend)") from error
    console.print(f"restored {escape(str(settings.database))} from {escape(str(file))}", soft_wrap=True)
    if kept is not None:
        console.print(f"the store of before is kept as {escape(str(kept))}", soft_wrap=True)
    console.print(
        "[yellow]paused[/]: this store does not know what ran since it was copied. What people had approved "
        "or asked for in it is withdrawn, and nothing begins before somebody says opsmend resume",
        soft_wrap=True,
    )
