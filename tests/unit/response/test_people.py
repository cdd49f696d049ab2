"""Who gives a command is told by what that person cannot set."""

import os
import subprocess
import sys

import pytest

from agent.records import ApprovalVote, Person, count_voices
from agent.response import people, person_of
from tests.make import NOW

ROOT = Person("root", told_apart=False)


@pytest.fixture
def login(monkeypatch):
    """Let the kernel say who logged in; None: nobody did."""

    def logged_in(uid):
        monkeypatch.setattr(people, "_login_of", lambda pid: uid)

    return logged_in


def test_without_a_login_a_user_is_that_user_and_root_may_be_anybody(login):
    login(None)
    assert person_of(1, 1).told_apart
    assert (person_of(0, 1).name, person_of(0, 1).told_apart) == ("root", False)


def test_who_logged_in_is_who_it_is_whatever_they_became_since(login):
    login(1)
    known = person_of(0, 1)
    assert (known, known.told_apart) == (person_of(2, 1), True)
    assert known.name != "root"


def test_a_user_without_a_name_is_named_by_number(login):
    login(None)
    assert person_of(4_000_000, 1).name == "uid 4000000"


def test_what_the_caller_sets_makes_nobody_else_of_them():
    code = "from agent.response import person_at_the_keyboard; print(person_at_the_keyboard().name)"
    names = ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER", "SUDO_UID")
    pretending = {**os.environ, **dict.fromkeys(names, "daemon")}
    said = [
        subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True).stdout
        for env in (dict(os.environ), pretending)
    ]
    assert said[0] == said[1]
    assert said[0].strip() != b"daemon"


@pytest.mark.parametrize(
    ("who", "voices"),
    [
        ([], 0),
        ([Person("ann")], 1),
        ([Person("ann"), Person("bob")], 2),
        ([ROOT], 1),
        ([ROOT, Person("ann")], 1),
        ([ROOT, Person("ann"), Person("bob")], 2),
    ],
)
def test_two_voices_are_two_people_who_are_told_apart(who, voices):
    votes = [ApprovalVote(person=person, yes=True, comment="", at=NOW) for person in who]
    assert count_voices(votes) == voices
    assert count_voices(votes, lambda person: person.name == "ann") == int(Person("ann") in who)
