"""Migrations: all of them together make exactly the schema the code knows."""

import re
import sqlite3

import pytest
import sqlalchemy
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from agent.errors import StoreError
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


def test_what_was_found_out_before_the_table_had_its_name_is_kept(tmp_path):
    file = tmp_path / "old.db"
    _upgrade_to(file, "0003")
    with sqlite3.connect(file) as old:
        old.execute(
            "insert into incidents values (7, 1, 'open', null, '', 'e', 'h', null, 't', 1, '2026-01-01', "
            """'2026-01-01', '2026-01-01', null, '{"voters": {"inquiry case c1": 0.7}}', '[]')"""
        )
        old.execute("insert into inquiries values (1, 7, '2026-01-01', '{}', '[]', 2.0, 'timed out')")
    database = Database(file)
    database.open()
    with database.reading() as connection:
        kept = connection.exec_driver_sql("select incident_id, error from investigations").one()
        diagnosis = connection.exec_driver_sql("select diagnosis from incidents").scalar()
    database.close()
    assert tuple(kept) == (7, "timed out")
    assert diagnosis == '{"voters": {"investigation case c1": 0.7}}'


def _upgrade_to(file, version):
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = sqlalchemy.create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    engine.dispose()


def test_whoever_may_not_be_alone_refuses_an_older_schema_instead_of_changing_it(database):
    with database.transaction() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '0001'")
    with pytest.raises(StoreError, match="restart the agent"):
        Database(database.file).open(upgrade=False)
    with database.reading() as connection:
        assert connection.exec_driver_sql("select version_num from alembic_version").scalar() == "0001"
