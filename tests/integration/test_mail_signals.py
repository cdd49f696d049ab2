"""When the mail queue of a Postfix is stuck: the stock queries on queues that were really worked off."""

import math
import subprocess

import pytest
import yaml

from agent.config.conditions import leaves
from agent.config.rulefiles import load_rules
from tests.servers.debian import unpacked

MINUTE, HOUR = 60, 3600
NEVER = math.inf
LAST = 9 * HOUR


def busy(until=LAST, every=MINUTE):
    """Arrivals now and then, each of which leaves within two seconds; those after ``until`` stay."""
    return [(at, at + 2 if at < until else NEVER) for at in range(7, LAST, every)]


def newsletter(undeliverable):
    """A thousand mails at seven o'clock, of which one leaves in three seconds and the last ones never."""
    sent = [(7 * HOUR, 7 * HOUR + 3 * n) for n in range(1000 - undeliverable)]
    return busy() + sent + [(7 * HOUR, NEVER)] * undeliverable


# mails as (arrived, left), in seconds
QUEUES = {
    "relay_gone": busy(until=8 * HOUR),
    "quiet_relay_gone": [(8 * HOUR + n * MINUTE, NEVER) for n in range(10)],
    "healthy": busy(),
    "newsletter": newsletter(0),
    "newsletter_rest": newsletter(30),
    "one_undeliverable": [*busy(), (8 * HOUR, NEVER)],
    "quiet_undeliverable": [(HOUR, NEVER)] * 8,
    "many_dead_addresses": [(0, NEVER)] * 300 + [(n * HOUR // 10, NEVER) for n in range(90)] + busy(),
    # nearly twice as many as six hours ago, and far more leave
    "new_dead_addresses": [(n * HOUR // 3, NEVER) for n in range(27)] + busy(every=20),
}
UNREAD_LOG = {"quiet_relay_gone", "newsletter_rest"}  # what left is not counted there
STUCK = {"relay_gone", "quiet_relay_gone"}


def series(name, mails):
    """What postfix_exporter shows of these mails each minute, as promtool writes series."""
    times = range(0, LAST + 1, MINUTE)
    there = [[at - arrived for arrived, left in mails if arrived <= at < left] for at in times]
    left = [0 if name in UNREAD_LOG else sum(left <= at for _, left in mails) for at in times]
    shown = {
        'postfix_showq_message_age_seconds_count{queue="deferred",': [len(ages) for ages in there],
        'postfix_showq_message_age_seconds_bucket{queue="deferred",le="1000",': [
            sum(age <= 1000 for age in ages) for ages in there
        ],
        'postfix_showq_message_age_seconds_count{queue="hold",': [50] * len(times),
        "postfix_qmgr_messages_removed_total{": left,
    }
    return [
        {"series": f'{metric}instance="{name}:9154"}}', "values": " ".join(map(str, values))}
        for metric, values in shown.items()
    ]


@pytest.fixture(scope="module")
def expression(root):
    """The conditions of the stock rule as one query."""
    book = load_rules([root / "rules"])
    *all_of, but = [
        f"({book.signals[one.signal].query}) > {one.above}"
        for one in leaves(book.rules["mail_queue_stuck_by_age"].when)
    ]
    return f"(({' and '.join(all_of)}) unless ({but})) > bool 0"


def test_only_a_queue_that_nothing_leaves_is_stuck(tmp_path, expression):
    found = {8 * HOUR + 10 * MINUTE: set(), 8 * HOUR + 40 * MINUTE: STUCK, LAST: STUCK}
    found |= {7 * HOUR + minutes * MINUTE: set() for minutes in (10, 20, 30, 40, 50)}
    tests = {
        "interval": "1m",
        "input_series": [one for name, mails in QUEUES.items() for one in series(name, mails)],
        "promql_expr_test": [
            {
                "expr": expression,
                "eval_time": f"{at}s",
                "exp_samples": [
                    {"labels": f'{{instance="{one}:9154"}}', "value": 1} for one in sorted(stuck)
                ],
            }
            for at, stuck in found.items()
        ],
    }
    file = tmp_path / "mail.test.yml"
    file.write_text(yaml.safe_dump({"evaluation_interval": "1m", "tests": [tests]}))
    promtool = unpacked("prometheus") / "usr" / "bin" / "promtool"
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
