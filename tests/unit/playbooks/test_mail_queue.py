"""What Postfix has put off, and what became of the mails that were tried."""

import json
import os
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="module")
def queue(module):
    return module("mail_queue", "mail_queue")


@pytest.fixture(scope="module")
def trial(module):
    return module("mail_queue", "mail_trial")


def mail(id_, arrived, *reasons, queue="deferred"):
    """A line of postqueue -j."""
    recipients = [{"address": "ann@example.test", "delay_reason": one} for one in reasons]
    shown = {"queue_name": queue, "queue_id": id_, "arrival_time": arrived, "recipients": recipients}
    return json.dumps(shown) + "\n"


def test_only_what_was_put_off_counts_and_the_youngest_are_named_first(queue):
    mails = queue.deferred(
        mail("A1", 10)
        + mail("B2", 30)
        + mail("C3", 20)
        + mail("D4", 40, queue="hold")
        + mail("E5", 50, queue="active")
    )
    assert queue.youngest(mails, 2) == ["B2", "C3"]
    assert len(mails) == 3


def test_the_most_frequent_reason_comes_first_and_names_nobody(queue):
    mails = queue.deferred(
        mail("A1", 1, "Connection refused") + mail("B2", 2, "host mx said: 450 <ann@example.test>: busy")
        + mail("C3", 3, "Connection refused")
    )  # fmt: skip
    assert queue.reasons(mails) == ["Connection refused (2)", "host mx said: 450 <...>: busy (1)"]


@pytest.mark.parametrize("listed", ["Mail queue is empty\n", "{}\n", "[]\n", '"A1"\n'])
def test_what_is_no_list_of_mails_is_refused(queue, listed):
    with pytest.raises((ValueError, KeyError, TypeError)):
        queue.deferred(listed)


def test_what_became_of_other_mails_counts_for_nothing(trial):
    logged = (
        "A1: to=<ann@example.test>, relay=r[192.0.2.1]:25, dsn=2.0.0, status=sent (250 2.0.0 Ok)\n"
        "Z9: to=<bob@example.test>, relay=none, dsn=4.4.1, status=deferred (Connection refused)\n"
        "A1: removed\n"
        "A1B: to=<eve@example.test>, relay=r, dsn=2.0.0, status=sent (250 Ok)\n"
    )
    assert trial.outcomes(logged, ["A1", "B2"]) == ({"A1": {"sent"}}, "")


def test_a_mail_that_comes_back_to_one_of_its_recipients_is_not_hidden_by_the_others(trial):
    logged = (
        "A1: to=<ann@example.test>, dsn=5.1.1, status=bounced (host r said: 554 <ann@example.test>)\n"
        "A1: to=<bob@example.test>, relay=r, dsn=2.0.0, status=sent (250 Ok)\n"
    )
    assert trial.outcomes(logged, ["A1"]) == ({"A1": {"bounced", "sent"}}, "host r said: 554 <...>")


SENT = "postfix/smtp[71]: A1: to=<ann@example.test>, relay=r, dsn=2.0.0, status=sent (250 Ok)\n"


@pytest.fixture
def logs(trial, monkeypatch, tmp_path):
    """A function that says where this Postfix logs, beside a journal and a mail.log of the test's own."""
    monkeypatch.setattr(trial, "_FILES", (str(tmp_path / "mail.log"), str(tmp_path / "maillog")))

    def make(own="", journal=""):
        said = {"postconf": own + "\n", "journalctl": journal}
        return trial.Logs(SimpleNamespace(run_command=lambda argv, **_: (0, said[argv[0]], "")))

    return make


@pytest.mark.parametrize("time", ["Nov 29 05:01:07", "Nov  9 05:01:07", "2026-11-29T05:01:07.123456+01:00"])
def test_what_syslog_writes_to_a_file_is_read_from_the_trial_on(logs, tmp_path, time):
    file = tmp_path / "mail.log"
    file.write_text(f"{time} mx1 {SENT.replace('sent', 'bounced')}")
    seen = logs()
    with file.open("a") as stream:
        stream.write(f"{time} mx1 {SENT}")
    assert seen.outcomes(["A1"]) == ({"A1": {"sent"}}, "", [str(file)])


def test_a_postfix_that_logs_to_a_file_of_its_own_is_believed_only_there(logs, tmp_path):
    own = tmp_path / "postfix.log"
    seen = logs(str(own), journal=SENT.partition(" ")[2])
    assert seen.outcomes(["A1"]) == ({}, "", [])
    own.write_text(f"Nov 29 05:01:07 mx1 {SENT}")
    assert seen.outcomes(["A1"]) == ({"A1": {"sent"}}, "", [str(own)])


def test_a_log_that_is_turned_over_meanwhile_is_read_from_its_beginning(logs, tmp_path):
    file = tmp_path / "maillog"
    file.write_text("Nov 29 05:01:07 mx1 postfix/qmgr[7]: old\n" * 9)
    seen = logs()
    file.rename(tmp_path / "maillog.1")
    file.write_text(f"Nov 29 05:01:07 mx1 {SENT}")
    assert seen.outcomes(["A1"])[0] == {"A1": {"sent"}}


@pytest.mark.parametrize(
    "program", ["dovecot: login: user=<postfix/smtp[71]: ", "cron[7]: ", "postfix/smtp: "]
)
def test_what_no_program_of_postfix_wrote_is_not_believed(logs, tmp_path, program):
    seen = logs()
    (tmp_path / "mail.log").write_text(f"Nov 29 05:01:07 mx1 {program}{SENT.partition(' ')[2]}")
    assert seen.outcomes(["A1"]) == ({}, "", [])


def test_a_log_that_is_no_file_is_not_waited_for(logs, tmp_path):
    os.mkfifo(tmp_path / "mail.log")
    assert logs("/dev/stdout").outcomes(["A1"]) == logs().outcomes(["A1"]) == ({}, "", [])
