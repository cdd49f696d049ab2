"""The process itself: signals."""

from __future__ import annotations

import signal
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
