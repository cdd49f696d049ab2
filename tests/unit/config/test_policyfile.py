"""The policy: strict, and nothing allowed without one."""

from pathlib import Path

import pytest

from agent.config import load_policy
from agent.decide.policy import groups_of, may
from agent.errors import ConfigError
from agent.records import Person

BASE = "roles: {}\nremediations:\n  - {id: r, mode: auto}\n"


def write(folder: Path, text: str) -> Path:
    (folder / "policy.yml").write_text(text)
    return folder


def test_the_stock_policy_is_good(root):
    policy = load_policy((root / "rules",))
    assert policy.remediations[0].mode == "approve"


def test_a_local_policy_replaces_the_stock_one(root, tmp_path):
    policy = load_policy((root / "rules", write(tmp_path, BASE)))
    assert [rule.id for rule in policy.remediations] == ["r"]


def test_without_a_policy_nothing_starts(tmp_path):
    with pytest.raises(ConfigError, match="nothing would be allowed"):
        load_policy((tmp_path,))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("roles: {}\n", "remediations: is missing"),
        (BASE + "  - {id: r, mode: approve}\n", "two entries have the id 'r'"),
        (BASE + "  - {id: s, mode: yolo}\n", "policy.yml:4: remediations[1].mode:"),
        (BASE + "  - {id: s, mode: auto, when: {group: [a]}}\n", "did you mean 'groups'?"),
        (BASE + "  - {id: s, mode: auto, approvals: 0}\n", "greater than or equal to 1"),
        (BASE + "windows:\n  - {id: w, cron: '0 2 * *', duration: 1h}\n", "is no cron expression"),
        (BASE + "windows:\n  - {id: w, cron: '61 2 * * *', duration: 1h}\n", "is no cron expression"),
        (BASE + "windows:\n  - {id: w, cron: '0 2 * * *'}\n", "needs 'cron' and 'duration'"),
        (
            BASE + "windows:\n  - {id: w, cron: '0 2 * * *', duration: 1h, timezone: Mars/X}\n",
            "there is no time zone 'Mars/X'",
        ),
        (BASE + "windows:\n  - {id: w, from: 2026-01-01T00:00:00, until: x}\n", "has no time zone"),
        (
            BASE + "windows:\n  - {id: w, from: 2026-01-02T00:00:00Z, until: 2026-01-01T00:00:00Z}\n",
            "'until' must be after 'from'",
        ),
        ("roles: {r: {users: [a], may: [fly]}}\nremediations: []\n", "roles.r.may[0]"),
        (BASE + "approval: {expires: 1}\n", "approval.expires: 1 has no unit"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, text, said):
    with pytest.raises(ConfigError) as caught:
        load_policy((write(tmp_path, text),))
    assert said in str(caught.value)


ROLES = "roles: {r: {users: [ann], groups: [ops], may: [approve]}}\nremediations: []\n"


@pytest.mark.parametrize(
    ("user", "groups", "permission", "allowed"),
    [
        ("ann", (), "approve", True),
        ("ann", (), "pause", False),
        ("bob", ("ops",), "approve", True),
        ("bob", ("opsx", ""), "approve", False),
        ("", (), "approve", False),
        ("ops", (), "approve", False),
    ],
)
def test_who_may_do_what(tmp_path, user, groups, permission, allowed):
    policy = load_policy((write(tmp_path, ROLES),))
    assert may(policy, Person(user, frozenset(groups)), permission) is allowed


def test_the_groups_of_this_machine_are_known():
    assert "root" in groups_of("root")
    assert groups_of("nobody of that name") == frozenset()
