"""The agent stops in its time, and its threads live on, whatever hangs and whatever cannot be written."""

import threading

import pytest

from agent.service import Service


@pytest.fixture
def service(workshop, make_agent):
    return Service(make_agent(), workshop.save_config())


def test_a_stop_waits_for_no_poll_whose_source_hangs(service):
    hangs, answered = threading.Event(), threading.Event()

    def poll():
        with service._agent.pipeline.lock:
            hangs.set()
            answered.wait(120)

    polling = threading.Thread(target=poll, daemon=True)
    service._jobs.start()
    stopping = threading.Thread(target=service._shut_down, args=(service._start_servers(),), daemon=True)
    polling.start()
    hangs.wait(10)
    stopping.start()
    stopping.join(60)
    stopped = not stopping.is_alive()
    answered.set()
    stopping.join(10)
    assert stopped
    assert "a poll still waits" in service._jobs.trouble["detection"]


def test_a_status_that_cannot_be_written_ends_no_thread_and_no_stop(service):
    service._jobs.complain("poll", "said by a host: \udcff")
    done = []
    service._jobs.guarded("reload", lambda: done.append("reloaded"))
    service._report.write("stopping")
    assert done == ["reloaded"]
