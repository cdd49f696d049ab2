"""Migrations: all of them together make exactly the schema the code knows."""

import re

import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from agent.store import Database
from agent.store.engine import HEAD
from agent.store.migrate import MIGRATIONS
from agent.store.schema import metadata


def test_all_migrations_make_the_schema_of_the_code(database):
    engine = sqlalchemy.create_engine(f"sqlite:///{database.file}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_they_are_numbered_without_gap_and_the_code_knows_the_last():
    files = sorted(file.name for file in (MIGRATIONS / "versions").glob("*.py"))
    assert [name[:4] for name in files] == [f"{n:04}" for n in range(1, len(files) + 1)]
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+\.py", name) for name in files)
    assert files[-1].startswith(HEAD)


def test_a_fresh_start_and_a_second_one_end_at_the_same_version(tmp_path):
    for _ in range(2):
        database = Database(tmp_path / "x.db")
        database.open()
        with database.reading() as connection:
            assert connection.exec_driver_sql("select version_num from alembic_version").scalar() == HEAD
        database.close()
