"""Whom the blame ends with."""

import pytest

from agent.diagnose.cause.rootcause import analyse
from agent.diagnose.naming.conclusion import conclude
from agent.records.evidence import SureFinding, SymptomHint
from tests import make

CHAIN = [("front", "cart"), ("cart", "db")]


def first(observed):
    return analyse(observed).suspects[0].entity


def test_a_callee_that_fails_alike_is_blamed_for_its_callers():
    series = {f'error_ratio{{service="{name}"}}': make.course(0.01, peak)
              for name, peak in (("front", 0.3), ("cart", 0.31), ("db", 0.32))}  # fmt: skip
    assert first(make.observations(series, edges=CHAIN)) == "db"


def test_a_callee_that_is_well_is_not_blamed():
    series = {f'error_ratio{{service="{name}"}}': make.course(0.01, peak)
              for name, peak in (("front", 0.3), ("cart", 0.31), ("db", 0.01))}  # fmt: skip
    assert first(make.observations(series, edges=CHAIN)) == "cart"


def test_a_slow_callee_that_is_hardly_called_explains_nothing():
    series = {
        'latency_mean{service="front"}': make.course(0.1, 0.3),
        'requests{service="front"}': make.course(1000, 1000),
        'latency_mean{service="cart"}': make.course(0.02, 0.2),
        'requests{service="cart"}': make.course(1000, 1001),
        'latency_mean{service="rare"}': make.course(0.02, 0.9),
        'requests{service="rare"}': make.course(10, 10.1),
    }
    edges, alert = [("front", "cart"), ("front", "rare")], SymptomHint(entity="front", metric="latency_mean")
    assert first(make.observations(series, edges=edges, symptom=alert)) == "cart"


def test_more_traffic_is_blamed_on_who_sends_it():
    series = {f'requests{{service="{name}"}}': make.course(100, peak)
              for name, peak in (("front", 500), ("cart", 501), ("db", 502))}  # fmt: skip
    series |= {f'latency_mean{{service="{name}"}}': make.course(0.1, 0.2 + i / 100)
               for i, name in enumerate(("front", "cart", "db"))}  # fmt: skip
    assert first(make.observations(series, edges=CHAIN)) == "front"


def test_an_entity_that_runs_short_of_memory_is_blamed_without_any_topology():
    series = {f'latency_mean{{service="{name}"}}': make.course(0.1, 0.2 + i / 100)
              for i, name in enumerate(("front", "cart", "db"))}  # fmt: skip
    series['memory_bytes{service="cart"}'] = make.course(1e8, 9e8)
    assert first(make.observations(series)) == "cart"


def test_a_change_right_before_decides_between_equals():
    series = {f'error_ratio{{service="{name}"}}': make.course(0.01, 0.3) for name in ("a", "b")}
    assert first(make.observations(series, events=[(1740, "deploy", "b")])) == "b"
    assert first(make.observations(series, events=[(1740, "deploy", "a")])) == "a"


def test_logs_that_name_the_culprit_are_an_edge_of_their_own():
    series = {'error_ratio{service="front"}': make.course(0.01, 0.4),
              'error_ratio{service="mail"}': make.course(0.01, 0.2)}  # fmt: skip
    logs = [(1800 + i * 10, "front", "ERROR", f"call {i} to mail failed") for i in range(100)]
    assert first(make.observations(series, logs=logs)) == "mail"


def test_an_entity_whose_metrics_all_end_is_suspected():
    gone = [1.0] * 30 + [float("nan")] * 30
    series = {
        'error_ratio{service="front"}': make.course(0.01, 0.4),
        'cpu_usage{service="cart"}': gone,
        'requests{service="cart"}': gone,
        'requests{service="db"}': make.course(50, 20),
    }
    found = analyse(make.observations(series, edges=CHAIN))
    assert found.suspects[0].entity == "cart"
    assert "cart" in found.graph.vanished


def test_two_troubles_at_the_same_time_are_both_near_the_top():
    series = {f'error_ratio{{service="{name}"}}': make.course(0.01, 0.4) for name in ("a", "a-front")}
    series |= {f'error_ratio{{service="{name}"}}': make.course(0.01, 0.41) for name in ("b", "b-front")}
    found = analyse(make.observations(series, edges=[("a-front", "a"), ("b-front", "b")]))
    assert {one.entity for one in found.suspects[:2]} == {"a", "b"}


@pytest.mark.parametrize("edges", [
    [("a", "a")], [("a", "b"), ("b", "a")], [("a", "b"), ("b", "c"), ("c", "a"), ("a", "nobody")],
])  # fmt: skip
def test_cycles_and_self_loops_end_with_scores_that_sum_to_one(edges):
    series = {f'error_ratio{{service="{name}"}}': make.course(0.01, 0.4) for name in "abc"}
    found = analyse(make.observations(series, edges=edges))
    assert sum(one.score for one in found.suspects) == pytest.approx(1)


def test_nothing_wrong_gives_no_suspect_unless_somebody_raised_an_alarm():
    rng = {f'error_ratio{{service="{name}"}}': make.course(0.01, 0.01, noise=0.05) for name in "ab"}
    assert not [one for one in analyse(make.observations(rng)).suspects if one.score > 0.9]
    alarmed = analyse(
        make.observations({'error_ratio{service="a"}': [0.01] * 60}, symptom=SymptomHint(entity="a"))
    )
    assert alarmed.guessed


def test_what_a_rule_is_sure_of_goes_before_what_only_deviates():
    series = {
        f'latency{{service="{name}"}}': make.course(0.1, peak) for name, peak in (("a", 0.3), ("b", 0.4))
    }
    assert first(make.observations(series)) == "b"
    assert first(make.observations(series, findings={"a": SureFinding(sure=0.95)})) == "a"


def test_a_finding_of_which_no_metric_tells_is_named_nevertheless():
    full = {"web2": SureFinding(sure=0.9, saw="/var is full")}
    observed = make.observations(
        {'latency{service="a"}': make.course(0.1, 0.1)},
        findings=full,
    )
    found = conclude(analyse(observed), [], None)
    assert found.root_causes[0].entity == "web2"
    assert found.summary.startswith("The trouble very likely comes from web2")
    assert "/var is full" in found.root_causes[0].evidence[0]


def test_a_rule_sure_of_what_is_passed_on_does_not_say_where_it_comes_from():
    series = {
        f'latency{{service="{name}"}}': make.course(0.1, peak) for name, peak in (("a", 0.3), ("b", 0.4))
    }
    felt = SureFinding(sure=0.95, passed_on=True)
    assert first(make.observations(series, findings={"a": felt})) == "b"


def test_that_the_cause_is_another_than_the_rules_name_is_said():
    series = {f'error_ratio{{service="{name}"}}': make.course(0.01, peak)
              for name, peak in (("front", 0.3), ("db", 0.5))}  # fmt: skip
    observed = make.observations(series, edges=[("front", "db")], findings={"other": SureFinding(sure=0.81)})
    found = conclude(analyse(observed), [], None)
    if found.root_causes[0].entity != "other":
        assert any("rules are sure of other" in note for note in found.notes)


def test_without_topology_the_entity_that_alerts_is_not_the_cause_for_that():
    series = {f'error_ratio{{service="{name}"}}': make.course(0.01, peak)
              for name, peak in (("frontend", 0.2), ("api", 0.5), ("db", 0.01))}  # fmt: skip
    alert = SymptomHint(entity="frontend", metric="error_ratio")
    found = conclude(analyse(make.observations(series, symptom=alert)), [], None)
    assert found.root_causes[0].entity == "api"
    assert any("who calls whom" in note for note in found.notes)
    assert not any("accounts for nothing" in text for one in found.root_causes for text in one.evidence)


def test_a_series_that_was_as_wild_before_is_no_suspect():
    wild = [0.1, 5.0, 0.2, 7.0, 0.1, 6.0] * 10
    series = {'latency{service="wild"}': wild, 'latency{service="a"}': make.course(0.1, 0.4)}
    assert first(make.observations(series)) == "a"
