"""What of the catalog does not fit the rules is said when it is loaded, with file and line."""

from dataclasses import replace

from agent.config.rulefiles import Rulebook
from agent.decide.catalog import check_verifiable
from tests.world import FAULTS, RULES, SIGNALS, VERIFY, write_catalog

BOOK = Rulebook(
    {one.id: one for one in SIGNALS}, {one.id: one for one in FAULTS}, {one.id: one for one in RULES}
)


def asking_for(query):
    return {**VERIFY, "checks": [{"query": query, "equals": 1}]}


def test_a_check_that_asks_for_what_no_rule_promises_is_named_with_its_line(tmp_path):
    verify = asking_for('up{pod="{pod}"}')
    catalog = write_catalog(tmp_path, {"restart": {"fixes": ["down"], "verify": verify}})
    (problem,) = check_verifiable(catalog, BOOK)
    text = (tmp_path / "restart" / "remediation.yml").read_text()
    line = text[: text.index("{pod}")].count("\n") + 1
    assert f"restart/remediation.yml:{line}" in str(problem)
    assert "'pod', which rule 'down' for fault 'down' does not promise" in str(problem)


def test_every_rule_that_may_lead_to_a_remediation_has_to_promise_what_its_checks_ask_for(tmp_path):
    verify = asking_for('up{unit="{unit}"}')
    catalog = write_catalog(tmp_path, {"restart": {"fixes": ["down", "failing"], "verify": verify}})
    down, failing = RULES
    by_unit = down.model_copy(update={"id": "by_unit", "entity": "{host}:{unit}"})
    without = down.model_copy(update={"id": "without"})
    elsewhere = failing.model_copy(update={"entity": "{host}:{unit}"})
    rules = {one.id: one for one in (by_unit, without, elsewhere)}
    (problem,) = check_verifiable(catalog, replace(BOOK, rules=rules))
    assert "rule 'without' for fault 'down'" in str(problem)


def test_what_the_target_or_a_parameter_cannot_do_without_may_be_asked_for(tmp_path):
    unit = {"type": "string", "from": "unit", "pattern": "[a-z]+"}
    fields = {"fixes": ["down"], "verify": asking_for('up{unit="{unit}"}'), "parameters": {"service": unit}}
    assert not list(check_verifiable(write_catalog(tmp_path, {"restart": fields}), BOOK))
    fields["parameters"] = {"service": {**unit, "default": "nginx"}}
    assert len(list(check_verifiable(write_catalog(tmp_path, {"restart": fields}), BOOK))) == 1


def test_what_a_parameter_a_rule_or_the_inventory_gives_may_be_asked_for(tmp_path):
    query = 'up{host="{host}",instance="{instance}",to="{neighbour}",unit="{unit}"}'
    fields = {
        "fixes": ["down"],
        "verify": asking_for(query),
        "parameters": {"unit": {"type": "string", "default": "x"}},
    }
    assert not list(check_verifiable(write_catalog(tmp_path, {"restart": fields}), BOOK))


def test_a_fault_that_no_rule_is_for_is_judged_by_none(tmp_path):
    verify = asking_for('up{pod="{pod}"}')
    catalog = write_catalog(tmp_path, {"restart": {"fixes": ["down"], "verify": verify}})
    assert not list(check_verifiable(catalog, replace(BOOK, rules={})))
