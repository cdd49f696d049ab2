"""Which processes of a name are taken for runaways."""

import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

BUSY = "while True: pass"
SLEEPING = "import time; time.sleep(60)"


@pytest.fixture(scope="module")
def facts(module):
    module("proc", "process_facts")  # brings what the modules share
    return module("process", "runaway_facts")


@pytest.mark.parametrize(
    ("busy", "chosen"),
    [
        ({"a": 99}, "a"),
        ({"a": 99, "idle": 0}, "a"),
        ({"a": 33, "b": 34, "c": 33}, "abc"),  # one processor shared by three
        ({"a": 50, "b": 50, "c": 50, "d": 49, "e": 2}, "abcd"),
        (dict.fromkeys("abcdefghij", 10), "abcdefghij"),
        ({"a": 99, "b": 20, "c": 20}, "a"),  # at work, but not what it is about
        ({"a": 40, "b": 5}, ""),
        ({}, ""),
    ],
)
def test_those_are_chosen_that_make_up_the_sum(facts, busy, chosen):
    assert set(facts.choose(busy, most=50)) == set(chosen)


@given(st.dictionaries(st.integers(), st.floats(0, 800), max_size=30), st.integers(10, 400))
def test_what_is_left_takes_less_than_the_check_afterwards_allows(facts, busy, most):
    chosen = facts.choose(busy, most)
    assert sum(share for key, share in busy.items() if key not in chosen) < most + 1e-6
    assert all(busy[key] > 0 for key in chosen)


def test_waiting_for_a_processor_counts_like_having_one(facts, monkeypatch):
    monkeypatch.setattr(facts.proc, "name_of", lambda pid: "report" if pid < 9 else "other")
    before = {(1, "s"): (10.0, {"1": 5.0}), (9, "s"): (0.0, {})}
    after = {
        (1, "s"): (11.0, {"1": 8.0, "2": 0.5}),  # a second thread meanwhile
        (2, "s"): (0.5, {"2": 0.0}),  # begun meanwhile
        (9, "s"): (5.0, {}),
    }
    assert facts.shares(before, after, 5.0, "report") == {
        (1, "s"): (pytest.approx(20), pytest.approx(70)),
        (2, "s"): (pytest.approx(10), 0),
    }


def test_a_busy_process_is_told_from_a_sleeping_one_on_any_machine(facts):
    """Measured for real, however busy this machine is with other things."""
    both = [subprocess.Popen([sys.executable, "-S", "-c", code]) for code in (BUSY, SLEEPING)]
    try:
        time.sleep(0.1)
        begin, before = time.monotonic(), facts.sample()
        time.sleep(0.5)
        span, after = time.monotonic() - begin, facts.sample()
        name = facts.proc.name_of(both[0].pid)
        seen = {key[0]: sum(share) for key, share in facts.shares(before, after, span, name).items()}
    finally:
        for one in both:
            one.kill()
            one.wait()
    assert seen[both[0].pid] > 50
    assert seen[both[1].pid] < 10


def test_threads_of_the_kernel_are_known(facts):
    assert not facts.proc.is_of_kernel(1)
    kernel = [pid for pid in facts.proc.all_pids() if facts.proc.name_of(pid).startswith("ksoftirqd")]
    assert all(facts.proc.is_of_kernel(pid) for pid in kernel)
