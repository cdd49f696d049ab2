"""What a rule promises of the labels that its diagnosis carries."""

import pytest

from agent.config.promises import kept_labels, promised_labels
from agent.config.rulefiles import Rule, Signal

SIGNALS = {
    "errors": Signal(id="errors", summary="s", query="sum by (host, unit) (rate(e[5m]))", role="errors"),
    "up": Signal(id="up", summary="s", query='up{env="production"}', role="availability"),
}


def rule(when, entity="{host}"):
    fields = {"id": "r", "fault": "f", "entity": entity, "confidence": 1.0, "when": when, "evidence": "e"}
    return Rule.model_validate(fields)


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("up", "host instance job"),
        ('up{zone="a"}', "host instance job zone"),
        ("sum(up)", ""),
        ("topk(3, up)", "host instance job"),
        ("max without (job) (up)", "host instance"),
        ("a * on (pod) group_left (node) b", "host instance job node"),
        ("a / on (pod) b", "pod"),
        ('a{x="1"} or b{y="1"}', "host instance job"),
        ('label_replace(up, "zone", "$1", "instance", "(.*)")', "host instance job zone"),
    ],
)
def test_a_query_keeps_what_its_operators_keep(query, kept):
    assert sorted(kept_labels(query)) == kept.split()


def test_all_parts_of_a_rule_give_and_of_alternatives_what_each_gives():
    errors, up = {"signal": "errors", "above": 1}, {"signal": "up", "below": 1}
    assert promised_labels(rule({"all": [errors, up]}), SIGNALS) == {"host", "unit", "instance", "job", "env"}
    assert promised_labels(rule({"any": [errors, up]}), SIGNALS) == {"host"}
    both = {"all": [errors, {"not": up}]}
    assert promised_labels(rule(both), SIGNALS) == {"host", "unit"}


def test_a_forecast_has_the_labels_of_the_series_that_it_is_of():
    assert promised_labels(rule({"forecast": "up", "within": "4h"}), SIGNALS) >= {"host", "instance", "env"}


def test_of_an_alert_only_what_is_compared_and_named_is_sure():
    when = {"alert": "Slow", "where": {"zone": "a"}}
    assert promised_labels(rule(when, "{host}:{unit}"), SIGNALS) == {"host", "unit", "zone"}
