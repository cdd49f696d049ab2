"""A new remediation."""

import re
from pathlib import Path

import pytest

from agent.config import load_rules
from agent.errors import ConflictError, OpsmendError
from agent.workshop.inspection import inspect_files
from agent.workshop.places import Places
from agent.workshop.ruletests import rule_test_files, run_rule_tests
from agent.workshop.skeleton import RemediationDraft, _schemas_from, write_skeleton

DRAFT = RemediationDraft(name="trim_queue", fault="queue_long", summary='trims "the" queue: # all of it')


@pytest.fixture
def places(root, tmp_path):
    local = Places(
        rules=[root / "rules", tmp_path / "rules"], playbooks=[root / "playbooks", tmp_path / "playbooks"]
    )
    write_skeleton(DRAFT, local.rules[1], local.playbooks[1], {})
    return local


def test_a_new_remediation_has_no_mistake(places):
    book = load_rules(places.rules)
    assert inspect_files(places.playbooks[1] / "trim_queue", book, places) == []


def test_its_rule_test_passes_and_covers_its_rule(places):
    report = run_rule_tests(load_rules(places.rules), rule_test_files(places.rules))
    assert (report.problems, report.untested) == ([], [])


def test_each_file_tells_editors_its_schema(places):
    files = [file for folder in (places.rules[1], places.playbooks[1]) for file in folder.rglob("*.yml")]
    named = [re.search(r"\$schema=(\S+)", file.read_text()) for file in files]
    kinds = {Path(match[1]).stem for match in named if match and Path(match[1]).is_file()}
    assert kinds == {"remediation", "signals", "faults", "diagnosis", "ruletests"}


def test_in_a_checkout_the_schema_is_named_by_the_way_there(root):
    assert _schemas_from(root / "rules" / "signals" / "a.yml") == "../../agent/config/schemas"


def test_nothing_is_ever_written_over(places):
    with pytest.raises(ConflictError, match="exists already"):
        write_skeleton(DRAFT, places.rules[1], places.playbooks[1], {})


def test_a_known_fault_is_not_described_a_second_time(places, tmp_path):
    with pytest.raises(ConflictError, match="there is a fault 'queue_long' already"):
        write_skeleton(DRAFT, tmp_path / "r", tmp_path / "p", {"queue_long": None})


@pytest.mark.parametrize(
    ("name", "fault", "summary", "risk"),
    [
        ("../evil", "f", "s", "low"),
        ("Name", "f", "s", "low"),
        ("n", "f-g", "s", "low"),
        ("n", "f", "{{ lookup('pipe', 'id') }}", "low"),
        ("n", "f", " ", "low"),
        ("n", "f", "two\nlines", "low"),
        ("n", "f", "s", "none"),
    ],
)
def test_a_draft_that_makes_no_sense_writes_nothing(tmp_path, name, fault, summary, risk):
    with pytest.raises(OpsmendError):
        write_skeleton(
            RemediationDraft(name=name, fault=fault, summary=summary, risk=risk), tmp_path, tmp_path, {}
        )
    assert list(tmp_path.rglob("*")) == []
