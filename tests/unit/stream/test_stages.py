"""What arrives is acted on at once only when a rule is sure about it."""

from datetime import UTC, datetime

from agent.config.rulefiles import Rule, Rulebook
from agent.config.settings import StreamSection
from agent.records import Event, LogCount
from agent.stream.outlook import asked_for
from agent.stream.stage import Stream
from agent.stream.stages import make_stages

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def book(*whens):
    common = {"fault": "f", "entity": "{host}", "evidence": "e"}
    rules = [
        Rule.model_validate({**common, "id": f"r{n}", "confidence": sure, "when": when})
        for n, (sure, when) in enumerate(whens)
    ]
    return Rulebook({}, {}, {rule.id: rule for rule in rules})


def event(kind):
    return Event(id=kind, kind=kind, at=NOW, message="", labels={})


def run(rules, *arrived, above=0.8, settings=StreamSection()):  # noqa: B008 - frozen
    """Send what arrived through the stages; return how often it was diagnosed, and what was acted on."""
    diagnosed, acted = [], []

    class Incident:
        id = 1

    def diagnose():
        diagnosed.append(1)
        return [Incident()]

    stream = Stream(make_stages(lambda: rules, diagnose, acted.append, above, settings))
    stream.start()
    for one in arrived:
        stream.put(one)
    stream.stop()
    return len(diagnosed), acted


def test_an_event_that_a_sure_rule_asks_for_is_acted_on():
    diagnosed, acted = run(book((0.9, {"event": "failover"})), event("failover"))
    assert diagnosed == 1
    assert [[one.id for one in batch] for batch in acted] == [[1]]


def test_an_event_that_only_an_unsure_rule_asks_for_waits_for_the_poll():
    assert run(book((0.8, {"event": "failover"})), event("failover")) == (0, [])


def test_an_event_that_no_rule_asks_for_is_recorded_only():
    assert run(book((0.9, {"event": "failover"})), event("deployment")) == (0, [])


def test_the_surest_rule_counts_and_the_bound_can_be_set():
    rules = book((0.3, {"event": "fail.*"}), (0.6, {"event": "failover"}))
    assert run(rules, event("failover"), above=0.5)[0] == 1
    assert run(rules, event("failover"), above=0.6)[0] == 0


def test_a_log_line_with_a_pattern_of_a_sure_rule_is_acted_on():
    lines = LogCount(at=NOW, kind="pattern", key="No space (left)", labels={}, lines=3)
    rules = book((0.9, {"all": [{"log": "No space (left)"}, {"signal": "x", "above": 1}]}))
    assert run(rules, lines)[0] == 1


def test_only_what_rules_ask_for_is_looked_up():
    event_before = {"not": {"event": "b", "within": "1h"}}
    asked = asked_for(book((1, {"any": [{"log": "a", "within": "2m"}, event_before]})))
    assert (asked.patterns, asked.events, asked.templates) == (frozenset({"a"}), True, False)
    assert asked.within.total_seconds() == 3600
    assert asked_for(book((1, {"signal": "x", "above": 1}))).within.total_seconds() == 0
