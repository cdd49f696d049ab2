"""Runs are of what stands there now only while nothing that they carried out has changed."""

import pytest

from agent.remediate.snapshot import Snapshots

FILES = {
    "own/mend/remediation.yml": "summary: s\n",
    "own/mend/playbook.yml": "- {hosts: all, tasks: [{include_tasks: ../shared.yml}], roles: [heal]}\n",
    "own/shared.yml": "- {include_vars: more.yml}\n",
    "own/more.yml": "seconds: 1\n",
    "own/notes.txt": "nobody names it\n",
    "site/roles/heal/tasks/main.yml": "[]\n",
}


@pytest.fixture
def carried_out(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    snapshots, mend = Snapshots(tmp_path / "s", [tmp_path / "own", tmp_path / "site"]), tmp_path / "own/mend"
    digest = snapshots.take(mend)
    return lambda: snapshots.is_current(digest, mend)


@pytest.mark.parametrize("name", FILES)
def test_what_a_run_carries_out_of_other_folders_counts_and_what_nothing_names_does_not(
    carried_out, tmp_path, name
):
    assert carried_out()
    (tmp_path / name).write_text(FILES[name] + "# changed\n")
    assert carried_out() is (name == "own/notes.txt")


def test_a_role_that_replaces_one_by_name_counts(carried_out, tmp_path):
    (tmp_path / "own/roles/heal/tasks").mkdir(parents=True)
    (tmp_path / "own/roles/heal/tasks/main.yml").write_text("[]\n")
    assert not carried_out()
