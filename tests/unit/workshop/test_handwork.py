"""What people typed stays data: quoted for Ansible, seen by the danger checks, behind a task that fails."""

from __future__ import annotations

import pytest
import yaml

from agent.cleantext import clean
from agent.records.cases import PastIncident
from agent.records.feedback import Feedback, FeedbackKind
from agent.workshop.dangers import dangers_in
from agent.workshop.handwork import MOST_LINES, commands_of, playbook_of, what_was_typed
from agent.workshop.roles import Unsafe, read_ansible
from tests.hostile import corpus
from tests.make import NOW, incident


def past(number, *notes, author="ann"):
    said = tuple(
        Feedback(kind=FeedbackKind.BY_HAND, author=author, at=NOW, note=note, incident_id=number)
        for note in notes
    )
    return PastIncident(incident=incident(id=number), said=said)


def written(tmp_path, *notes):
    file = tmp_path / "typed.yml"
    file.write_text(playbook_of(what_was_typed([past(1, *notes)])))
    return file


@pytest.mark.parametrize(
    ("pasted", "commands"),
    [
        ("$ systemctl restart nginx\nnginx: ok? no", ("systemctl restart nginx", "nginx: ok? no")),
        ("root@web1:~# rm -rf /var/tmp/x\n# it was full", ("rm -rf /var/tmp/x", "# it was full")),
        ("# systemctl restart nginx", ("# systemctl restart nginx",)),
        ("deploy@web1:/srv && kill # 9", ("deploy@web1:/srv && kill # 9",)),
        ("[ann@web1 ~]$ ls \\\n  -l", ("ls -l",)),
        ("  \n\n", ()),
    ],
)
def test_prompts_are_no_commands_and_all_else_stays(pasted, commands):
    assert commands_of(pasted) == (commands, 0)


def test_endless_text_is_cut_and_it_is_said_how_much():
    lines, left_out = commands_of("\n".join([f"echo {n}" for n in range(60)] + ["x" * 501]))
    assert (len(lines), left_out) == (MOST_LINES, 21)


def test_whatever_is_pasted_is_in_the_draft_word_for_word_and_no_template(tmp_path):
    for value in corpus():
        line = "echo " + " ".join(clean(value).split())[:200]
        (play,) = read_ansible(written(tmp_path, line))
        (lines, _) = commands_of(line)
        shells = [task["ansible.builtin.shell"]["cmd"] for task in play["tasks"][1:]]
        assert shells == list(lines)
        assert all(isinstance(one, Unsafe) for one in shells)
        assert list(play) == ["name", "hosts", "gather_facts", "tasks"]


def test_the_first_task_fails_and_what_is_dangerous_is_seen(tmp_path):
    file = written(tmp_path, "rm -rf /var/{{ x }}\nsystemctl restart nginx")
    (play,) = read_ansible(file)
    assert "ansible.builtin.fail" in play["tasks"][0]
    assert [one.does for one in dangers_in(file)] == ["removes files"]
    assert "!unsafe" in file.read_text()
    with pytest.raises(yaml.YAMLError):  # nobody else takes the tag for a text
        yaml.safe_load(file.read_text())


def test_what_most_people_typed_is_taken():
    typed = what_was_typed([past(1, "ls"), past(2, "df -h", author="bob"), past(3, "$ df -h")])
    assert (typed.lines, typed.people, typed.incidents) == (("df -h",), ("ann", "bob"), (2, 3))
    assert what_was_typed([past(1), past(2, " ")]) is None
