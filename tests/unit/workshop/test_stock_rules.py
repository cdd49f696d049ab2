"""The stock rules, their stories and the stock remediations, beside each other."""

import pytest

from agent.config import load_cases, load_rules
from agent.config.conditions import WITHOUT_QUERY
from agent.config.ruletestfile import RuleTestFile
from agent.config.valid import bounds_of
from agent.config.yamlfile import read_yaml, validate
from agent.decide import load_catalog
from agent.workshop.ruletests import rule_test_files, run_rule_tests


@pytest.fixture(scope="module")
def book(root):
    return load_rules([root / "rules"])


@pytest.fixture(scope="module")
def stories(root):
    """Every stock story, by what its incidents are in the end."""
    files = [validate(RuleTestFile, read_yaml(file)) for file in rule_test_files([root / "rules"])]
    return [test for file in files for test in file.tests]


def test_every_story_ends_as_it_is_written_and_makes_every_rule_match(root, book):
    report = run_rule_tests(book, rule_test_files([root / "rules"]))
    assert (report.problems, report.untested) == ([], [])


def test_every_fault_that_a_remediation_names_is_told_of_or_known_from_past_cases_alone(root, book, stories):
    told = {one.fault for test in stories for moment in test.expect for one in moment.incidents}
    told |= {
        fault for test in stories for at in test.expect for one in at.incidents for fault in one.explains
    }
    cases = {case.fault for case in load_cases([root / "rules"], book.faults)}
    ruled = {rule.fault for rule in book.rules.values()}
    catalog = load_catalog([root / "playbooks"], book.faults)
    named = {fault for remediation in catalog.values() for fault in remediation.file.fixes}
    assert {fault for fault in named if fault not in told and fault not in cases - ruled} == set()


def test_every_signal_of_a_rule_has_a_story_in_which_nothing_is_found(book, stories):
    """A rule that finds its fault is half a rule: it must leave alone what only looks like it."""
    quiet = [test for test in stories if any(not moment.incidents for moment in test.expect)]
    seen = {one.series.partition("{")[0] for test in quiet for one in test.series}
    looked_at = {name for rule in book.rules.values() for name in _signals(rule)}
    assert looked_at - WITHOUT_QUERY - seen == set()


def _signals(rule):
    from agent.config.conditions import SignalCondition, leaves

    return [leaf.signal for leaf in leaves(rule.when) if isinstance(leaf, SignalCondition)]


def test_every_signal_says_what_it_can_be(book):
    """What no measurement can be clears no fault and proves no repair."""
    assert [id_ for id_, one in book.signals.items() if bounds_of("", None) == one.bounds] == []
