"""``opsmend report`` on a real store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.cli.reportpage import render_html, render_markdown
from agent.investigation import retrospective
from agent.investigation.retrospective import look_back
from agent.store import open_stores
from tests.make import candidate, incident

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NINE = timedelta(minutes=9)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    opened = open_stores(tmp_path_factory.mktemp("store") / "opsmend.db")
    for day in range(20):
        at = NOW - timedelta(days=day, hours=-3)
        kept = replace(
            incident(candidate("disk_full")),
            id=0,
            opened_at=at,
            updated_at=at,
            closed_at=at + NINE,
        )
        opened.incidents.add(replace(kept, entity="<b>|web1", symptomatic=False), "test")
    yield opened
    opened.close()


def content(stores):
    return {**look_back(stores, NOW - timedelta(days=30), NOW), "name": "test", "impact": []}


def test_a_report_counts_what_the_store_holds(stores):
    told = content(stores)
    assert told["incidents"] == 19  # one opened after the end
    assert told["minutes"] == pytest.approx(171)
    assert told["faults"] == [{"name": "disk_full", "incidents": 19}]
    assert any(one["significant"] and one["kind"] == "rhythm" for one in told["patterns"])


def test_the_page_has_charts_and_shows_names_as_text(stores):
    page = render_html(content(stores))
    assert page.count("<svg") == 2
    assert "<b>" not in page.replace("<body>", "")


def test_the_markdown_keeps_a_hostile_name_in_its_cell(stores):
    text = render_markdown(content(stores))
    assert "\\<b\\>\\|web1" in text
    assert "# Incidents of test" in text


def test_a_time_without_incidents_is_a_report_as_well(stores):
    years_ago = NOW - timedelta(days=900)
    told = {**look_back(stores, years_ago, years_ago + timedelta(days=30)), "name": "test", "impact": []}
    assert "no incident" in render_html(told)
    assert "no incident" in render_markdown(told)


@pytest.mark.parametrize("days", [4, 30])
def test_incidents_that_are_read_a_page_at_a_time_make_the_same_report(stores, monkeypatch, days):
    begin = NOW - timedelta(days=days)
    at_once = look_back(stores, begin, NOW)
    monkeypatch.setattr(retrospective, "_PAGE", 7)
    assert look_back(stores, begin, NOW) == at_once
    assert at_once["incidents"] == {4: 4, 30: 19}[days]
