"""The process itself: signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from agent.process import caught_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_given_to_another_thread_wakes_the_one_that_waits(number):
    with caught_signals() as signals:
        signals.settimeout(10)
        thread = threading.Thread(target=lambda: signal.pthread_kill(threading.get_ident(), number))
        thread.start()
        assert signals.recv(1)[0] == number
        thread.join()


def test_signals_come_in_their_order_and_none_is_lost():
    with caught_signals() as signals:
        signals.settimeout(10)
        for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
            signal.raise_signal(number)
        assert [signals.recv(1)[0] for _ in range(3)] == [signal.SIGHUP, signal.SIGHUP, signal.SIGTERM]


def test_what_was_there_before_is_there_again():
    before = signal.getsignal(signal.SIGTERM)
    with caught_signals():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


EIGHT_THREADS = """
import ctypes, sys, threading
from agent.process import keep_memory_small

if sys.argv[1] == "small":
    keep_memory_small()
together = threading.Barrier(8)

def work():
    held = [bytes(2000) for _ in range(1000)]
    together.wait()

threads = [threading.Thread(target=work) for _ in range(8)]
for one in threads:
    one.start()
for one in threads:
    one.join()
ctypes.CDLL(None).malloc_stats()
"""


def arenas(how: str, **environment: str) -> int:
    """Return how many arenas of glibc eight threads have made."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", EIGHT_THREADS, how]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=clean | environment)
    return done.stderr.count("Arena ")


def test_threads_leave_no_more_than_two_arenas_behind():
    assert arenas("by default") > 2
    assert arenas("small") == 2


def test_what_the_environment_says_of_memory_stays():
    assert arenas("small", MALLOC_ARENA_MAX="4") == 4


def test_a_reload_that_is_asked_for_too_early_is_kept():
    script = (
        "import os, signal; from agent.process import caught_signals, hold_reloads; hold_reloads()\n"
        "os.kill(os.getpid(), signal.SIGHUP)\n"
        "with caught_signals() as signals: assert signals.recv(1)[0] == signal.SIGHUP"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)
