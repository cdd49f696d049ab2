"""Alembic, used as a library: numbered migrations, forward only, in one transaction.

``python -m agent.store.migrate FILE`` brings a database to the newest schema.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event

from agent.errors import StoreError
from agent.store.engine import prepare_connection

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(file: Path, revision: str = "head") -> None:
    """Bring the database in a file to a migration, all of those on the way or none. Raises StoreError."""
    engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": 60})
    event.listen(engine, "connect", prepare_connection)
    event.listen(engine, "connect", _let_tables_go)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:
        connection.exec_driver_sql("begin immediate")  # a second starter waits and finds it done
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        lost = connection.exec_driver_sql("pragma foreign_key_check").fetchall()
        if lost:
            raise StoreError(f"{file}: {len(lost)} rows would belong to nothing after the upgrade")
    engine.dispose()


def _let_tables_go(connection: Any, record: Any) -> None:
    # a table that is made anew must not take with it what belongs to its rows
    connection.execute("pragma foreign_keys = off")


if __name__ == "__main__":
    upgrade(Path(sys.argv[1]))
