"""Rules against their stories."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.config import load_rules
from agent.workshop.ruletests import rule_test_files, run_rule_tests
from tests.make import rule

STORY = """\
tests:
  - name: a full disk
    series:
      - series: filesystem_free_ratio{{instance="web1:9100",mountpoint="/srv"}}
        values: 0.5x2 0.03x6
    expect:
      - at: 2m
        incidents: [{expected}]
"""
GOOD = '{fault: disk_full, entity: "web1:/srv"}'


@pytest.fixture(scope="module")
def stock(root):
    return load_rules([root / "rules"])


def told(stock, folder: Path, expected: str) -> list[str]:
    file = folder / "disk.yml"
    file.write_text(STORY.format(expected=expected))
    return [str(problem) for problem in run_rule_tests(stock, [file]).problems]


def test_a_story_that_ends_as_it_says_is_no_problem(stock, tmp_path):
    assert told(stock, tmp_path, GOOD) == []


def test_every_stock_rule_has_a_story_in_which_it_matches(stock, root):
    report = run_rule_tests(stock, rule_test_files([root / "rules"]))
    assert ([str(problem) for problem in report.problems], report.untested) == ([], [])


@pytest.mark.parametrize(
    ("expected", "says"),
    [
        ("", "disk_full on web1:/srv is not expected (/srv on web1 has 3 % left)"),
        (
            '{fault: log_flood, entity: "web1:/srv"}',
            "expected log_flood on web1:/srv, found disk_full on web1:/srv",
        ),
        (GOOD[:-1] + ", confidence: 0.5}", "expected confidence 0.5, found 0.95"),
        (
            GOOD[:-1] + ", rules: [log_flood_by_growth]}",
            "expected rules log_flood_by_growth, found disk_full_by_free_space",
        ),
        (
            GOOD[:-1] + ", evidence: it is full}",
            "expected evidence “it is full”, found “/srv on web1 has 3 % left”",
        ),
        (GOOD[:-1] + ", explains: [log_flood]}", "expected to explain log_flood, found nothing"),
        ('{fault: disk_fool, entity: "web1:/srv"}', "there is no fault 'disk_fool'"),
        (GOOD[:-1] + ", rules: [nothing]}", "there is no rule 'nothing'"),
    ],
)
def test_a_story_that_ends_otherwise_is_named_with_file_and_line(stock, tmp_path, expected, says):
    found = told(stock, tmp_path, expected)
    assert any(says in text for text in found)
    assert all(text.startswith(f"{tmp_path}/disk.yml:8: tests[0].expect[0]") for text in found)


def test_a_series_of_no_signal_is_a_mistake_and_not_a_silence(stock, tmp_path):
    file = tmp_path / "a.yml"
    file.write_text(STORY.format(expected="").replace("filesystem_free_ratio", "filesystem_fre_ratio"))
    (problem,) = run_rule_tests(stock, [file]).problems
    assert str(problem).startswith(f"{file}:4: tests[0].series[0].series: there is no signal")


def test_a_moment_years_ahead_is_refused(stock, tmp_path):
    file = tmp_path / "a.yml"
    file.write_text(STORY.format(expected="").replace("at: 2m", "at: 300d"))
    (problem,) = run_rule_tests(stock, [file]).problems
    assert "samples ahead" in problem.message


LOGGED = """\
tests:
  - name: errors after a deployment
    logs:
      - {message: "upstream timed out while reading", labels: {service: shop}, lines: 5, since: 1m}
      - {message: "GET / 200", labels: {service: shop}, lines: 50, since: 1m}
    events:
      - {event: deployment, labels: {service: shop}, since: 30s}
    expect:
      - {at: 45s, incidents: []}
      - at: 2m
        incidents: [{fault: bad_release, entity: shop}]
"""


def test_a_story_may_be_told_by_logs_and_events(stock, tmp_path):
    when = {
        "all": [
            {"log": "timed out", "at_least": 5, "within": "10m"},
            {"event": "deployment", "within": "10m"},
        ]
    }
    told_by_logs = rule(when, id="r", fault="bad_release", entity="{service}")
    file = tmp_path / "a.yml"
    file.write_text(LOGGED)
    report = run_rule_tests(replace(stock, rules={"r": told_by_logs}), [file])
    assert ([str(one) for one in report.problems], report.untested) == ([], [])
