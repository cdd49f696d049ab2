"""What can be seen with which exporters: rules against the metrics that there are."""

import pytest

from agent.check.coverage import Coverage, can_answer
from agent.config.exporterfile import Exporter, exporter_of, load_exporters
from agent.config.rulefiles import Rulebook
from agent.errors import ConfigError
from tests.make import rule, signal

EXPORTERS = {
    "node": Exporter(id="node", summary="s", metrics=["node_"], present="node_uname", get="g"),
    "units": Exporter(id="units", summary="s", metrics=["node_systemd_"], present="node_systemd_x", get="g"),
}
SIGNALS = {
    "free": signal("free", query="node_free / node_size"),
    "unit": signal("unit", query="node_systemd_state"),
    "either": signal("either", query="node_systemd_state or node_free"),
}


def coverage(*conditions, arrivals=()):
    rules = {
        f"r{number}": rule(when, id=f"r{number}", fault=f"f{number}")
        for number, when in enumerate(conditions)
    }
    return Coverage(Rulebook(SIGNALS, {}, rules), EXPORTERS, arrivals)


@pytest.mark.parametrize(
    ("query", "metrics", "answers"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a / b", "a", False),
        ("a or b", "b", True),
        ("a unless b", "a", True),
        ("a unless b", "b", False),
        ("a and on (x) b", "a", False),
        ("sum by (x) (rate(a[5m])) > 0", "a", True),
        ("max_over_time((a - b)[1h:1m])", "a", False),
        ("absent(a)", "", True),
        ("time() - a", "a", True),
        ("-a", "", False),
        ("label_replace(a, 'x', '$1', 'y', '(.*)')", "a", True),
    ],
)
def test_a_query_needs_what_it_cannot_do_without(query, metrics, answers):
    assert can_answer(query, set(metrics).__contains__) is answers


def test_the_longest_beginning_says_where_a_metric_comes_from():
    assert exporter_of("node_systemd_unit_state", EXPORTERS) == "units"
    assert exporter_of("node_load1", EXPORTERS) == "node"
    assert exporter_of("mysql_up", EXPORTERS) is None


def test_a_fault_is_hidden_when_no_rule_can_find_it():
    made = coverage(
        {"signal": "unit", "below": 1}, {"signal": "either", "below": 1}, {"signal": "free", "below": 1}
    )
    assert made.blind({"node"}) == ["f0"]
    assert made.blind({"units"}) == ["f2"]
    assert made.blind(set()) == ["f0", "f1", "f2"]
    assert made.hidden_by("units", {"node"}) == ["f0"]


def test_what_only_rules_out_hides_nothing():
    made = coverage({"all": [{"signal": "free", "below": 1}, {"not": {"signal": "unit", "below": 1}}]})
    assert made.blind({"node"}) == []


@pytest.mark.parametrize(
    ("condition", "kind"), [({"log": "x"}, "log"), ({"event": "x"}, "event"), ({"alert": "x"}, "alert")]
)
def test_what_arrives_counts_where_it_is_taken_in(condition, kind):
    assert coverage(condition).blind(EXPORTERS) == ["f0"]
    assert coverage(condition, arrivals=[kind]).blind(EXPORTERS) == []


def test_metrics_of_nobody_known_are_taken_to_be_there():
    own = Coverage(
        Rulebook({"x": signal("x", query="mysql_up")}, {}, {"r": rule({"signal": "x", "below": 1})}),
        EXPORTERS,
        (),
    )
    assert own.blind(set()) == []


def test_the_stock_exporters_explain_every_stock_metric(root):
    from agent.config import load_rules
    from agent.config.promql import metric_names

    exporters = load_exporters([root / "rules"])
    asked = {
        name for one in load_rules([root / "rules"]).signals.values() for name in metric_names(one.query)
    }
    assert sorted(name for name in asked if exporter_of(name, exporters) is None) == ["up"]
    assert all(exporter_of(one.present, exporters) == id_ for id_, one in exporters.items())


def test_a_later_folder_replaces_an_exporter_and_a_mistake_is_named(tmp_path):
    for name, text in (("a", "x"), ("b", "y")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "exporters.yml").write_text(
            f"exporters: [{{id: e, summary: {text}, metrics: [e_], present: e_up, get: g}}]\n"
        )
    assert load_exporters([tmp_path / "a", tmp_path / "b"])["e"].summary == "y"
    (tmp_path / "b" / "exporters.yml").write_text("exporters:\n  - {id: e}\n")
    with pytest.raises(ConfigError, match=r"exporters\.yml:2: exporters\[0\].summary: is missing"):
        load_exporters([tmp_path / "b"])
