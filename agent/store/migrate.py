"""Alembic, used as a library: numbered migrations, forward only, in one transaction.

``python -m agent.store.migrate FILE`` brings a database to the newest schema.
"""

from __future__ import annotations

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event

from agent.store.engine import prepare_connection

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(file: Path) -> None:
    """Bring the database in a file to the newest migration, all of them or none."""
    engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": 60})
    event.listen(engine, "connect", prepare_connection)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:
        connection.exec_driver_sql("begin immediate")  # a second starter waits and finds it done
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


if __name__ == "__main__":
    upgrade(Path(sys.argv[1]))
