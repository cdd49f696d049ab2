"""rules import: alert rules as Prometheus reads them become signals, faults, rules and stories that pass."""

import pytest

from agent.config import load_rules
from agent.errors import ConfigError
from agent.workshop.ruleimport import import_rules, read_rules
from agent.workshop.ruletests import rule_test_files, run_rule_tests

OURS = """
groups:
  - name: shop
    rules:
      - record: job:errors:rate5m
        expr: sum by (job) (rate(errors_total[5m]))
      - alert: ShopQueueLong
        expr: shop_queue{tier="front"} > 100 and shop_workers < 3
        for: 10m
        labels: {severity: critical}
        annotations:
          summary: "Queue {{ $labels.queue }} of {{ $labels.instance }} is long"
          runbook_url: https://runbooks.example/queue
      - alert: ShopAnswersOdd
        expr: 200 <= shop_status < 300 or shop_status > 500
      - alert: ShopDiskShort
        expr: shop_free_bytes < on (instance) shop_wanted_bytes * 2
      - alert: ShopGone
        expr: absent(shop_up)
      - alert: ShopBusy
        expr: sum(rate(shop_requests_total[5m])) > 1000
      - alert: ShopBroken
        expr: "shop_queue >"
      - alert: DiskFull
        expr: shop_disk == 0
"""


@pytest.fixture(scope="module")
def stock(root):
    return load_rules([root / "rules"])


@pytest.fixture
def imported(stock):
    return import_rules("shop.yml", read_rules(OURS, "shop.yml"), stock)


def test_what_is_compared_becomes_a_signal_and_the_rest_the_alert_itself(imported):
    assert imported.by_expression == ["ShopQueueLong", "ShopAnswersOdd", "ShopDiskShort", "DiskFull"]
    assert [one.name for one in imported.by_alert] == ["ShopGone", "ShopBusy"]
    assert [(one.line, one.name) for one in imported.left_out] == [
        (5, "job:errors:rate5m"),
        (22, "ShopBroken"),
    ]
    assert "recording rule" in imported.left_out[0].why


def test_the_draft_is_good_beside_the_stock_rules_and_its_stories_pass(imported, root, tmp_path):
    for name, text in imported.draft.files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    book = load_rules([root / "rules", tmp_path])
    report = run_rule_tests(book, rule_test_files([tmp_path]))
    assert report.problems == []
    assert report.tests == 6
    mine = {id_ for id_ in book.rules if id_.endswith("_imported")}
    assert len(mine) == 6
    assert not mine & {*report.untested, *report.never_silent}
    queue = book.rules["shop_queue_long_imported"]
    assert (queue.entity, queue.fault) == ("{host}:{queue}", "shop_queue_long")
    assert book.faults["shop_queue_long"].severity == "critical"
    assert "https://runbooks.example/queue" in queue.evidence
    assert (
        book.signals["shop_disk_short"].query == "(shop_free_bytes) - on (instance) (shop_wanted_bytes * 2)"
    )
    # the stock rules have a fault of this name
    assert "disk_full_2" in book.faults


@pytest.mark.parametrize("text", ["", "[]", "a: [", "groups: 7", "!!python/object:os.system {}"])
def test_what_is_no_rule_file_is_refused(text, stock):
    with pytest.raises(ConfigError, match=r"x\.yml"):
        import_rules("x.yml", read_rules(text, "x.yml"), stock)


def test_of_a_file_without_alerts_nothing_is_drafted(stock):
    assert import_rules("x.yml", read_rules("groups:\n- x", "x.yml"), stock).draft.files == {}


def test_hostile_names_and_texts_become_plain_words(stock, tmp_path):
    hostile = {
        "groups": [
            {
                "rules": [
                    {
                        "alert": "{evil}:\n{{ lookup('pipe', 'id') }}",
                        "expr": "up == 0",
                        "annotations": {"summary": "{x}\x1b[31m {{ $labels.instance }}"},
                    }
                ]
            }
        ]
    }
    found = import_rules("x.yml", hostile, stock)
    for name, text in found.draft.files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    book = load_rules([tmp_path])
    assert run_rule_tests(book, rule_test_files([tmp_path])).problems == []
    (fault,) = book.faults.values()
    assert "{" not in fault.summary
    assert "\x1b" not in fault.summary


ODD = """
groups:
  - name: odd
    rules:
      - alert: Kept
        expr: queue > 3
        for: 1d2h
        keep_firing_for: 10m
        annotations: {summary: '{{ with query "up" }}{{ . | first | value }}{{ end }} of a queue is long'}
      - {alert: GroupLeft, expr: queue * on (instance) group_left (nodename) node_uname_info > 100}
      - {alert: Sub, expr: 'max_over_time(rate(x_total[5m])[1h:1m] offset 1d) > 3'}
      - {alert: At, expr: 'rate(x_total[5m] @ end()) > 3', for: 2w1d}
      - {alert: Gone, expr: 'absent_over_time(up{job="x"}[10m]) > 0'}
      - {alert: AtNight, expr: hour() < 6 and queue > 3}
      - {alert: Twice, expr: queue > 3}
      - {alert: Twice, expr: queue > 5, labels: a text, annotations: [a]}
      - {alert: NAME, expr: queue > 3}
      - {alert: NAMES, expr: queue > 3}
      - {alert: Cut, expr: queue > 3, annotations: {summary: 'Of {{ $labels.x', description: null}}
      - {alert: Soon, expr: queue > 3, for: soon}
      - {alert: Late, expr: queue > 3, for: 1y2w}
      - {alert: Newer, expr: 'rate(x_total[5m * 2]) > 3'}
      - {record: a, expr: queue}
      - {record: a, expr: queue}
      - {alert: 5, expr: queue > 3}
      - null
      - text
""".replace("NAME", "N" + "a" * 120)


def test_unusual_alerts_come_over_or_are_named_with_their_lines(stock, root, tmp_path):
    found = import_rules("odd.yml", read_rules(ODD, "odd.yml"), stock)
    for name, text in found.draft.files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    book = load_rules([root / "rules", tmp_path])
    assert run_rule_tests(book, rule_test_files([tmp_path])).problems == []
    assert [(one.line, one.name) for one in found.by_alert] == [(13, "Gone"), (14, "AtNight")]
    assert [(one.line, one.name) for one in found.partly] == [(5, "Kept")]
    left = [(20, "Soon"), (21, "Late"), (22, "Newer"), (23, "a"), (24, "a"), (25, "5")]
    assert [(one.line, one.name) for one in found.left_out] == [*left, (None, "a rule"), (None, "a rule")]
    assert {book.faults[id_].summary for id_ in ("kept", "cut")} == {
        "The alert Kept fires",
        "The alert Cut fires",
    }
    assert book.signals["group_left_2"].query.startswith("queue * on (instance)")
