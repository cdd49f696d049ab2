"""The charts of what an incident is about."""

from datetime import timedelta

from agent.charts import IncidentCharts
from agent.collect.base import Range
from agent.errors import SourceUnreachable
from agent.quantity import format_quantity
from agent.records import RunState, Verdict
from tests.make import NOW, anomaly, book, candidate, incident, run, signal, symptom

MINUTE = timedelta(minutes=1)


class Source:
    """Answers every query with one falling series, or not at all."""

    def __init__(self, fails=False):
        self.asked = []
        self.fails = fails

    def query_range(self, expression, start, end, step):
        self.asked.append((expression, start, end))
        if self.fails:
            raise SourceUnreachable("Prometheus does not answer")
        times = [start.timestamp() + 60 * place for place in range(60)]
        return Range(times, [{"host": "web1"}], [[1 - place / 100 for place in range(60)]])


def draw(source, found, runs=(), anomalies=(), clock=None):
    rules = book([signal("free", unit="ratio"), signal("up")], [])
    return IncidentCharts(source, lambda: rules, lambda: anomalies, clock).of(found, runs)


def full(**fields):
    return incident(candidate(symptoms=(symptom("free"), symptom("free"), symptom("up"))), **fields)


def test_each_series_of_the_diagnosis_is_drawn_once(clock):
    source = Source()
    charts = draw(source, full(), clock=clock)
    assert [chart.title for chart in charts] == ["s: web1", "s: web1"]
    assert len(source.asked) == 2
    assert charts[0].band.text == "as it was before"


def test_the_expected_band_is_that_of_the_anomaly(clock):
    expected = anomaly("free", labels={"host": "web1"}, expected_low=0.3, expected_high=0.4)
    band = draw(Source(), full(), anomalies=[expected], clock=clock)[0].band
    assert (band.low, band.high, band.text) == (0.3, 0.4, "expected")


def test_detection_run_and_recovery_are_marked(clock):
    done = run(
        started_at=NOW + MINUTE,
        ended_at=NOW + 2 * MINUTE,
        verified_at=NOW + 3 * MINUTE,
        state=RunState.SUCCEEDED,
        verdict=Verdict.RECOVERED,
    )
    clock.move(minutes=5)
    marks = draw(Source(), full(closed_at=NOW + 3 * MINUTE), [done], clock=clock)[0].marks
    assert [mark.kind for mark in marks] == ["found", "started", "ended", "recovered"]


def test_a_source_that_is_down_costs_the_picture_and_says_why(clock):
    charts = draw(Source(fails=True), full(), clock=clock)
    assert [chart.missing for chart in charts] == ["Prometheus does not answer"] * 2


def test_the_source_is_asked_once_however_many_look(clock):
    source = Source()
    rules = book([signal("free")], [])
    charts = IncidentCharts(source, lambda: rules, tuple, clock)
    seen = full(id=7)
    charts.of(seen, [])
    charts.of(seen, [])
    assert len(source.asked) == 1
    clock.move(seconds=20)
    charts.of(seen, [])
    assert len(source.asked) == 2


def test_measurements_are_written_as_people_do():
    assert format_quantity(0.0, "boolean") == "no"
    assert format_quantity(None, "ratio") == "no sample"
    assert format_quantity(7200.0, "seconds") == "2 h"
    assert format_quantity(1536.0, "bytes/s") == "1.5 KiB/s"
    assert format_quantity(12.0, "requests") == "12 requests"
