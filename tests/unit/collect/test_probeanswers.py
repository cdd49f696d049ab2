"""What hosts say of themselves, read as a stranger's words."""

from datetime import UTC, datetime

import pytest

from agent.collect.probeanswers import READERS
from agent.collect.probes import questions
from agent.errors import ParameterError

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
DF = "Filesystem 1024-blocks Used Available Capacity Mounted on\n"


def findings(probe, text):
    return READERS[probe](text, NOW)[1]


def test_a_unit_that_failed_says_how():
    text = "LoadState=loaded\nActiveState=failed\nResult=exit-code\nExecMainStatus=1\nNRestarts=4"
    assert findings("unit", text) == [
        "the unit is failed (exit-code, exit status 1)",
        "systemd restarted it 4 times",
    ]


def test_a_running_unit_has_nothing_to_tell():
    assert findings("unit", "LoadState=loaded\nActiveState=active\nNRestarts=0") == []


def test_a_full_file_system_is_named_with_blanks_in_its_name():
    assert findings("space", DF + "/dev/sda1 100 98 2 98% /var/my data\n") == ["/var/my data is 98 % full"]


def test_a_process_that_takes_a_processor_is_named():
    text = "  PID %CPU %MEM COMMAND\n  12 99.5 0.1 stress\n  13 0.1 0.1 sh\n"
    assert findings("processes", text) == ["stress (12) takes 100 % of the processor"]


def test_what_the_question_itself_has_started_is_no_finding():
    text = (
        "  PID ELAPSED %CPU %MEM COMMAND\n  12 900 99.5 0.1 stress\n  13 0 100 0.1 ps\n  14 2 95.0 0.1 sshd\n"
    )
    assert findings("processes", text) == ["stress (12) takes 100 % of the processor"]


def test_the_journal_tells_its_last_lines_of_trouble():
    lines = [f"2026-01-05T11:00:0{i} web1 app[1]: bind failed {i}" for i in range(5)]
    assert len(findings("journal", "\n".join([*lines, "ordinary"]))) == 3


@pytest.mark.parametrize(
    ("ends", "words"),
    [("Jan  1 00:00:00 2026", "ended 4 days ago"), ("Jan 10 00:00:00 2026", "ends in 4 days")],
)
def test_a_certificate_that_ends_says_when(ends, words):
    assert words in findings("certificate", f"notAfter={ends} GMT\n")[0]


def test_ports_are_listed():
    facts, _ = READERS["ports"]("LISTEN 0 511 0.0.0.0:80 0.0.0.0:*\nLISTEN 0 1 [::]:22 [::]:*\n", NOW)
    assert facts == {"80": "0.0.0.0", "22": "[::]"}


@pytest.mark.parametrize("probe", READERS)
@pytest.mark.parametrize(
    "text",
    ["", "\n" * 1000, "=" * 5000, "a b c d e f\n" * 50, "9" * 4000, "x\n" + "1 " * 400, "% % % %\n:::"],
)
def test_nonsense_is_read_without_a_crash(probe, text):
    READERS[probe](text, NOW)


@pytest.mark.parametrize("unit", ["nginx", "a;reboot.service", "-x.service", "$(id).service", "a\n.service"])
def test_what_is_no_unit_is_never_asked(unit):
    with pytest.raises(ParameterError):
        questions(unit)


@pytest.mark.parametrize("path", ["relative.pem", "/etc/../shadow", "/a b", "/x;id", "/$(id)"])
def test_what_is_no_path_is_never_asked(path):
    with pytest.raises(ParameterError):
        questions(certificates=[path])
