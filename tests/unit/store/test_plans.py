"""What is asked before every run and at every turn finds its rows by an index, however long the past is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from agent.store import Database, Stores, open_stores
from tests.make import plan

AGO = datetime.now(UTC) - timedelta(hours=1)
QUESTIONS: dict[str, Callable[[Stores], object]] = {
    "active": lambda s: s.incidents.active(),
    "last_start": lambda s: s.history.last_start(plan(), "web1"),
    "starts_since": lambda s: s.history.starts_since("mend", "web1", AGO),
    "touched_since": lambda s: s.history.touched_since(AGO),
    "troubled_hosts": lambda s: s.history.troubled_hosts(),
    "openings_since": lambda s: s.history.openings_since(AGO),
    "recoveries_since": lambda s: s.history.recoveries_since("broken", "web1:nginx", AGO),
    "trials": lambda s: s.history.trials("mend"),
    "last_recovery": lambda s: s.runs.last_recovery("web1:nginx", AGO),
    "of_incident": lambda s: s.runs.of_incident(1),
    "unfinished": lambda s: s.runs.unfinished(),
    "asked_to_cancel": lambda s: s.runs.asked_to_cancel(),
    "overdue": lambda s: s.approvals.overdue(AGO),
    "requests": lambda s: s.run_requests.open(),
    "newest": lambda s: s.approvals.newest(1),
}


@pytest.fixture
def stores(database: Database) -> Iterator[Stores]:
    made = open_stores(database.file)
    yield made
    made.close()


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_table_that_grows_is_read_from_end_to_end(stores: Stores, name: str) -> None:
    asked: list[tuple[str, object]] = []

    def note(connection, cursor, statement, parameters, context, many):  # type: ignore[no-untyped-def]
        asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        QUESTIONS[name](stores)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    selects = [one for one in asked if one[0].lower().startswith("select")]
    assert selects
    with stores.database.reading() as connection:
        for statement, parameters in selects:
            plan = connection.exec_driver_sql(f"explain query plan {statement}", parameters).all()
            assert not [row[3] for row in plan if row[3].startswith("SCAN")], statement
