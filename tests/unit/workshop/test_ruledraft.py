"""A draft from an alert is a rule that works, in words that fit any firing of it."""

from pathlib import Path

import pytest
import yaml

from agent.config import load_rules
from agent.errors import ConfigError
from agent.workshop.ruledraft import AlertExample, draft_rule
from agent.workshop.ruletests import rule_test_files, run_rule_tests

RAID = AlertExample(
    name="RaidScrubbing",
    labels={
        "alertname": "RaidScrubbing",
        "instance": "db1.example.test:9100",
        "host": "db1.example.test",
        "port": "9100",
        "device": "md0",
        "severity": "critical",
        "replica": "a",
    },
    annotations={
        "summary": "md0 on db1.example.test:9100 has {{ $value }} disks",
        "runbook_url": "https://w/r",
    },
)


@pytest.fixture(scope="module")
def book(root):
    return load_rules([root / "rules"])


def written(draft, folder):
    for name, text in draft.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def entry(draft, kind):
    (content,) = [yaml.safe_load(text) for name, text in draft.files.items() if name.parts[0] == kind]
    return next(iter(content.values()))[0]


def test_it_does_what_its_story_says_beside_all_stock_rules(root, book, tmp_path):
    folder = written(draft_rule(RAID, book), tmp_path)
    both = load_rules([root / "rules", folder])
    report = run_rule_tests(both, rule_test_files([folder]))
    assert (report.problems, report.tests) == ([], 1)


def test_the_words_are_the_alerts_without_its_host(book):
    draft = draft_rule(RAID, book)
    fault, rule = entry(draft, "faults"), entry(draft, "diagnosis")
    assert (fault["id"], fault["severity"], fault["for_people"]) == ("raid_scrubbing", "critical", True)
    assert "db1" not in fault["summary"]
    assert (rule["entity"], rule["fault"]) == ("{host}:{device}", "raid_scrubbing")
    assert "https://w/r" in rule["evidence"]


def test_a_fault_of_the_same_name_or_one_that_is_asked_for_is_taken(book):
    assert "host_down" in entry(draft_rule(AlertExample(name="HostDown"), book), "diagnosis")["fault"]
    draft = draft_rule(RAID, book, fault="disk_full")
    assert entry(draft, "diagnosis")["fault"] == "disk_full"
    assert not [name for name in draft.files if name.parts[0] == "faults"]
    with pytest.raises(ConfigError, match="no fault 'disk'"):
        draft_rule(RAID, book, fault="disk")


def test_an_alert_of_a_known_fault_names_who_has_it_as_the_rules_do(root, book, tmp_path):
    labels = {"instance": "web1:9100", "device": "/dev/sda1", "fstype": "ext4", "mountpoint": "/var"}
    draft = draft_rule(AlertExample(name="DiskFull", labels=labels), book)
    assert entry(draft, "diagnosis")["entity"] == "{host}:{mountpoint}"
    folder = written(draft, tmp_path)
    report = run_rule_tests(load_rules([root / "rules", folder]), rule_test_files([folder]))
    assert report.problems == []
    unheard = draft_rule(AlertExample(name="Odd", labels={**labels, "aaa": "x"}), book)
    assert entry(unheard, "diagnosis")["entity"] == "{host}:{mountpoint}"


def test_an_alert_without_a_host_says_that_a_remediation_needs_one(book):
    draft = draft_rule(AlertExample(name="QueueFull", labels={"queue": "mails"}), book)
    assert entry(draft, "diagnosis")["entity"] == "{queue}"
    assert any("names no host" in note for note in draft.notes)


@pytest.mark.parametrize(
    "name", ["a{b}", "{{ lookup('pipe','id') }}", "x\n- evil: 1", "9lives", "Ünïcode", ""]
)
def test_odd_names_stay_data(root, book, name, tmp_path):
    example = AlertExample(
        name=name, labels={"instance": "web1:9100", "x": "{host}"}, annotations={"summary": name}
    )
    if not name.strip():
        return
    folder = written(draft_rule(example, book), tmp_path)
    report = run_rule_tests(load_rules([root / "rules", folder]), rule_test_files([folder]))
    assert report.problems == []
    assert all(Path(one).stem.isidentifier() for one in folder.rglob("*.yml"))
