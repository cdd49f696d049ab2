"""Migrations: all of them together make exactly the schema the code knows."""

import re
import sqlite3

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from agent.errors import StoreError
from agent.records import IncidentState
from agent.store import Database, open_stores
from agent.store.engine import HEAD
from agent.store.migrate import MIGRATIONS, upgrade
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
    upgrade(file, "0003")
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


def test_whoever_may_not_be_alone_refuses_an_older_schema_instead_of_changing_it(database):
    with database.transaction() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '0001'")
    with pytest.raises(StoreError, match="restart the agent"):
        Database(database.file).open(upgrade=False)
    with database.reading() as connection:
        assert connection.exec_driver_sql("select version_num from alembic_version").scalar() == "0001"


OLD = """
insert into incidents (id, version, state, reason, detail, entity, host, fault, title, symptomatic,
    opened_at, updated_at, last_seen_at, closed_at, diagnosis, options)
    values (1, 1, 'verifying', null, '', 'web1', 'web1', 'down', 't', 1,
    '2026-01-05', '2026-01-05', '2026-01-05', null, '{"candidates":[]}', '[]');
insert into runs (id, incident_id, remediation, fault, entity, state, detail, actor, created_at, started_at,
    verdict, plan, checks) values
    (1, 1, 'restart', 'down', 'web1', 'succeeded', '', 'opsmend', '2026-01-05', '2026-01-05', 'recovered',
     '{}', '[]'),
    (2, 1, 'restart', 'down', 'web1', 'running', '', 'opsmend', '2026-01-05', '2026-01-05', 'pending',
     '{}', '[]'),
    (3, 1, 'restart', 'down', 'web2', 'failed', '', 'opsmend', '2026-01-05', '2026-01-05', 'pending',
     '{}', '[]');
insert into run_hosts values (1, 'web1'), (2, 'web1'), (3, 'web2');
insert into steps values (1, 1, 'go', 'p.yml', 1, 'succeeded', 'x', '2026-01-05', '2026-01-05', '[]', '', '');
insert into approvals values (1, 1, 'approved', '{}', 1, 'opsmend', '2026-01-05', '2026-01-05', null, null);
insert into votes values (1, 'ann', 1, '', '2026-01-05');
insert into run_requests values (1, 1, 'restart', 'ann', '2026-01-05', null);
"""


def test_an_upgrade_takes_along_what_was_kept_and_tells_the_phase_of_every_run(tmp_path):
    file = tmp_path / "old.db"
    upgrade(file, "0008")
    with sqlite3.connect(file) as old:
        old.executescript(OLD)
    upgrade(file)
    with sqlite3.connect(file) as new:
        assert new.execute("select id, phase, tells from runs order by id").fetchall() == [
            (1, "over", 1),
            (2, "running", 0),
            (3, "verifying", 0),
        ]
        assert new.execute("select identity, run_id from host_locks order by 1").fetchall() == [
            ("web1", 2),
            ("web2", 3),
        ]
        # what belongs to rows of changed tables stayed; a yes of before is no right any more
        assert new.execute("select name from steps").fetchall() == [("go",)]
        assert new.execute("select actor, person from votes").fetchall() == [("ann", '{"name":"ann"}')]
        assert new.execute("select state from approvals").fetchall() == [("withdrawn",)]
        assert new.execute("select state, actor from run_requests").fetchall() == [("expired", "ann")]


@pytest.mark.parametrize("version", [f"{n:04}" for n in range(1, int(HEAD))])
def test_from_every_earlier_schema_an_open_incident_goes_on(tmp_path, version):
    file = tmp_path / "old.db"
    upgrade(file, version)
    began = "2026-11-28 12:00:00.000000"
    _insert(
        file,
        "incidents",
        {"id": 7, "state": "remediating", "entity": "web1/nginx", "host": "web1", "diagnosis": "{}",
         "options": "[]", "opened_at": began, "updated_at": began, "last_seen_at": began},
    )  # fmt: skip
    upgrade(file)
    stores = open_stores(file, upgrade=False)
    try:
        (incident,) = stores.incidents.list()
        assert (incident.id, incident.state, incident.entity) == (7, IncidentState.REMEDIATING, "web1/nginx")
    finally:
        stores.close()


def _insert(file, table, values):
    """Insert a row, with something in every column that must hold something."""
    with sqlite3.connect(file) as old:
        columns = old.execute(f"pragma table_info({table})").fetchall()
        must = [(name, kind) for _, name, kind, notnull, usual, _ in columns if notnull and usual is None]
        needed = {name: "" if "TEXT" in kind or "VARCHAR" in kind else 1 for name, kind in must}
        row = {**needed, **values}
        marks = ", ".join("?" * len(row))
        old.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", tuple(row.values()))
