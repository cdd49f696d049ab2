"""How far and since when series deviate."""

from dataclasses import replace

import numpy as np
import pytest

from agent.diagnose.cause.comparison import NOTABLE
from agent.diagnose.cause.deviations import measure_deviations
from agent.diagnose.cause.onset import find_onset
from agent.meaning import MetricRole
from agent.records.evidence import Meaning, SymptomHint
from tests import make


def test_a_jump_is_found_where_it_begins():
    found = measure_deviations(make.observations({'errors{service="a"}': make.course(0.01, 0.5, begin=37)}))
    assert found.start == 37
    assert found.onset[0] == 37
    assert found.severity[0] > 0.5


def test_noise_has_no_severity():
    rng = np.random.default_rng(1)
    series = {f'latency{{service="s{i}"}}': rng.lognormal(0, 0.2, 60) for i in range(40)}
    found = measure_deviations(make.observations(series))
    assert (found.severity > 0.3).sum() == 0


def test_a_faster_service_is_no_trouble():
    found = measure_deviations(make.observations({'latency{service="a"}': make.course(1.0, 0.2)}))
    assert found.severity[0] == 0


def test_less_traffic_deviates_downwards():
    found = measure_deviations(make.observations({'requests{service="a"}': make.course(100, 5)}))
    assert found.direction[0] == -1
    assert found.severity[0] > 0.3


def test_availability_in_percent_is_bad_when_it_falls():
    found = measure_deviations(make.observations({'availability{service="a"}': [100.0] * 30 + [97.0] * 30}))
    assert found.severity[0] > 0.3
    assert found.usual(0) == 100


def test_a_constant_that_leaves_its_value_is_notable_but_not_infinite():
    found = measure_deviations(make.observations({'panics{service="a"}': [0.0] * 30 + [1.0] * 30}))
    assert NOTABLE < found.z[0, 40] < 100


def test_a_counter_is_looked_at_by_its_increase():
    counter = np.cumsum(np.r_[np.full(30, 5.0), np.full(30, 50.0)])
    found = measure_deviations(make.observations({'requests_total{service="a"}': counter}))
    assert found.series[0, [10, 50]].tolist() == [5, 50]


def test_a_gauge_named_count_that_falls_by_four_fifths_deviates():
    threads = make.course(50, 10, begin=30)
    found = measure_deviations(make.observations({'worker_count{service="a"}': threads}))
    assert found.direction[0] == -1
    assert found.severity[0] > 0.3


def test_a_disk_that_is_full_is_severe_however_slowly_it_filled():
    slow = np.r_[np.linspace(0.80, 0.86, 40), np.linspace(0.97, 1.0, 20)]
    found = measure_deviations(
        make.observations(
            {'disk_used_ratio{service="a"}': slow, 'errors{service="a"}': make.course(0, 5, 40)}
        )
    )
    assert found.full[0]
    assert found.severity[0] >= 0.9


def test_what_deviated_before_the_incident_is_not_its_doing():
    base = make.observations(
        {'latency{service="a"}': [1.0, 1.1] * 10, 'latency{service="b"}': [1.0, 1.1] * 10}
    )
    now = make.observations(
        {'latency{service="a"}': [9, 9, 9, 9, 9, 9], 'latency{service="b"}': [1, 1, 1, 9, 9, 9]},
        baseline=base.table,
        symptom=SymptomHint(entity="b", metric="latency"),
    )
    found = measure_deviations(now)
    assert found.start == 3
    assert found.severity[1] > 0.3
    assert found.severity[0] == 0


def test_an_empty_baseline_is_told_and_survived():
    empty = make.observations({'errors{service="a"}': []}).table
    found = measure_deviations(
        make.observations({'errors{service="a"}': make.course(0.01, 1)}, baseline=empty)
    )
    assert "baseline is empty" in found.notes[0]
    assert found.severity[0] > 0.3


@pytest.mark.parametrize("values", [[], [1.0], [np.nan] * 20, [1.0, np.nan] * 10, [1e308, -1e308] * 10])
def test_hardly_any_or_wild_samples_give_no_crash(values):
    found = measure_deviations(make.observations({'errors{service="a"}': values}))
    assert np.isfinite(found.severity).all()


def test_one_wild_series_does_not_move_the_onset():
    rng = np.random.default_rng(5)
    quiet = np.c_[rng.normal(0, 1, (9, 40)), rng.normal(4, 1, (9, 20))]
    wild = np.r_[np.zeros(10), np.full(50, 1e9)][None]
    assert abs(find_onset(np.vstack([quiet, wild]), 59) - 40) <= 1


def test_a_disk_whose_free_space_falls_runs_short():
    series = {'node_filesystem_avail_bytes{service="a"}': make.course(50e9, 1e9)}
    found = measure_deviations(make.observations(series))
    assert found.severity[0] > 0.3
    assert found.usual(0) == pytest.approx(50e9, rel=0.05)


def test_a_disk_whose_free_share_falls_to_nothing_is_full():
    series = {'filesystem_free_ratio{service="a"}': make.course(0.5, 0.01)}
    assert measure_deviations(make.observations(series)).full[0]


def test_the_mean_of_a_summary_tells_latency_and_more_traffic_alone_does_not():
    calls = np.cumsum(make.course(100, 300))
    pair = {
        'request_seconds_sum{service="a"}': calls * 0.1,
        'request_seconds_count{service="a"}': calls,
        'request_seconds_sum{service="b"}': np.cumsum(np.r_[np.full(30, 10.0), np.full(30, 90.0)]),
        'request_seconds_count{service="b"}': np.cumsum(make.course(100, 100.1)),
    }
    found = measure_deviations(make.observations(pair))
    assert found.severity[0] < 0.2
    assert found.severity[2] > 0.3
    assert found.usual(2) == pytest.approx(0.1, rel=0.1)


def test_what_a_signal_means_is_believed_before_its_name():
    observed = make.observations({'unit_active{service="a"}': [0.0] * 30 + [1.0] * 30})
    meant = replace(observed, table=replace(observed.table, meanings=[Meaning("availability", "high")]))
    found = measure_deviations(meant)
    assert found.roles[0] is MetricRole.ERRORS
    assert found.severity[0] > 0.3
