"""docs/coverage.md: what the usual lists know, held against the rules."""

import pytest

from agent.errors import ConfigError
from agent.workshop.coveragepage import PAGE, SOURCE, coverage_text


@pytest.fixture(scope="module")
def text(root):
    return coverage_text(root)


def test_the_page_is_current(root, text):
    assert (root / PAGE).read_text() == text, "run make coverage"


def test_four_of_five_kinds_have_a_rule_with_a_story(text):
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| kind")]
    assert len(rows) == 240
    assert sum("| none: " not in row for row in rows) / len(rows) >= 0.8


def test_a_rule_that_is_not_there_is_named_with_its_line(root, tmp_path):
    for name in ("rules", "playbooks"):
        (tmp_path / name).symlink_to(root / name)
    (tmp_path / "docs").mkdir()
    kinds = "---\nlists:\n  - name: mine\n    kinds:\n      - {kind: Broken, rules: [no_such_rule]}\n"
    (tmp_path / SOURCE).write_text(kinds)
    with pytest.raises(ConfigError, match=r"coverage\.yml:5.*no_such_rule"):
        coverage_text(tmp_path)
