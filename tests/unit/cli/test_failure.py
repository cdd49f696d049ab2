"""What a person reads when something goes wrong: a line, never a traceback that nobody asked for."""

import errno

import pytest

from agent.cli.failure import TRACEBACK, tell
from agent.errors import ConfigError, NotFoundError, Problem


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (NotFoundError("there is no incident 7"), 3, "error: there is no incident 7"),
        (ConfigError([Problem("a.yml", "is wrong", 3)]), 78, "error: a.yml:3: is wrong"),
        (OSError(errno.EACCES, "Permission denied", "/x"), 5, "error: /x: Permission denied"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "error: No space left on device"),
        (ZeroDivisionError("division by zero"), 1, "error: unforeseen: ZeroDivisionError: division by zero"),
    ],
)
def test_each_error_is_a_line_and_a_code(capfd, error, code, said):
    assert tell(error) == code
    shown = capfd.readouterr().err
    assert said in shown
    assert "Traceback" not in shown


def test_who_asks_for_the_traceback_gets_it(capfd, monkeypatch):
    monkeypatch.setenv(TRACEBACK, "1")
    try:
        raise ZeroDivisionError
    except ZeroDivisionError as error:
        tell(error)
    assert "Traceback" in capfd.readouterr().err
