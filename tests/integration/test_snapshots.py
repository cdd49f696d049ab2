"""What was approved is what runs: what a run can carry out is copied, and its digest covers just that."""

import os

import pytest

from agent.errors import ConfigError, RunError
from agent.records import RunState
from tests.operator.site import PLUGINS, Site

MODULE = (
    "#!/usr/bin/python\nfrom ansible.module_utils.basic import AnsibleModule\n"
    "from ansible.module_utils.shared_words import WORD\n"
    "AnsibleModule(argument_spec={}).exit_json(changed=False, said='approved module', word=WORD)\n"
)
FILTER = (
    "class FilterModule:\n    def filters(self):\n"
    "        return {'shout': lambda text: text + ' approved filter'}\n"
)
TASKS = "- name: Included\n  ansible.builtin.debug: {msg: approved tasks}\n"
# every file that a run can be made of; each says "approved"
FILES = {
    "playbooks/mend/vars.yml": "word_of_vars: approved vars\n",
    "playbooks/mend/files/text": "approved file",
    "playbooks/mend/templates/t.j2": "approved template",
    "playbooks/mend/library/speak.py": MODULE,
    "playbooks/mend/module_utils/shared_words.py": "WORD = 'approved utils'\n",
    "playbooks/mend/filter_plugins/shout.py": FILTER,
    "playbooks/tasks/shared.yml": TASKS,
    "playbooks/roles/local/tasks/main.yml": TASKS.replace("tasks}", "role}"),
    "playbooks/roles/local/defaults/main.yml": "default_of_role: approved default\n",
    "elsewhere/roles/far/tasks/main.yml": TASKS.replace("tasks}", "far role}"),
    "linked/tasks/deep.yml": TASKS.replace("tasks}", "linked tasks}"),
    "playbooks/other/remediation.yml": "{}\n",
    "playbooks/other/tasks.yml": TASKS.replace("tasks}", "neighbour}"),
    "playbooks/mend/rollback.yml": "- {name: R, hosts: all, tasks: []} # approved\n",
    "playbooks/group_vars/all.yml": "beside: approved group_vars\n",
}
DEBUG = "ansible.builtin.debug"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = Site(tmp_path_factory.mktemp("site"))
    made.config.write_text(
        f"[defaults]\nconnection_plugins = {PLUGINS}\nroles_path = elsewhere/roles\n# approved\n"
    )
    return made


@pytest.fixture
def approved(site):
    """Write all files as they were approved."""
    for name, content in FILES.items():
        site.write(name, content)
    (site.folder / "playbooks" / "mend" / "linked").unlink(missing_ok=True)
    (site.folder / "playbooks" / "mend" / "linked").symlink_to(site.folder / "linked" / "tasks")
    site.playbook(
        [
            {"name": "V", DEBUG: {"msg": "{{ word_of_vars }}, {{ default_of_role }}"}},
            {"name": "F", DEBUG: {"msg": "{{ lookup('ansible.builtin.file', 'text') }}"}},
            {"name": "T", DEBUG: {"msg": "{{ lookup('ansible.builtin.template', 't.j2') }}"}},
            {"name": "M", "speak": {}, "register": "r"},
            {"name": "U", DEBUG: {"msg": "{{ r.said }}, {{ r.word | shout }}"}},
            {"name": "I", "ansible.builtin.include_tasks": "../tasks/shared.yml"},
            {"name": "L", "ansible.builtin.include_tasks": "linked/deep.yml"},
            {"name": "N", "ansible.builtin.include_tasks": "../other/tasks.yml"},
            {"name": "B", DEBUG: {"msg": "{{ beside | default('') }}"}},
        ],
        vars_files=["vars.yml"],
        roles=["local", "far"],
    )
    return site


def test_a_run_has_of_every_kind_of_file_what_was_approved(approved):
    """Replaced by other content after the yes, not one of them is what runs."""
    execution = approved.execution()
    for name, content in FILES.items():
        approved.write(name, content.replace("approved", "replaced"))
    ended = approved.runner.run(execution, lambda event: None, lambda: False)
    assert ended.state is RunState.SUCCEEDED, ended.output
    assert "replaced" not in ended.output
    words = ["vars", "default", "file", "template", "module", "utils", "filter", "tasks", "role", "far role"]
    for word in [*words, "linked tasks", "neighbour"]:
        assert f"approved {word}" in ended.output, word


@pytest.mark.parametrize("name", [*FILES, "playbooks/mend/playbook.yml", "ansible.cfg"])
def test_the_digest_changes_with_every_file(approved, name):
    folder = approved.folder / "playbooks" / "mend"
    before = approved.snapshots.digest_of(folder)
    assert before
    file = approved.folder / name
    text = file.read_text()
    file.write_text(text + "\n# one byte more")
    assert approved.snapshots.digest_of(folder) != before
    file.write_text(text)
    assert approved.snapshots.digest_of(folder) == before


def test_what_a_run_cannot_carry_out_is_in_no_digest(approved):
    folder = approved.folder / "playbooks" / "mend"
    before = approved.snapshots.digest_of(folder)
    approved.write("playbooks/mend/molecule/default/verify.yml", "x")
    approved.write("playbooks/unrelated/remediation.yml", "{}")
    approved.write("playbooks/mend/.git/HEAD", "x")
    assert approved.snapshots.digest_of(folder) == before


def test_a_copy_that_was_changed_is_not_run(approved):
    digest = approved.snapshots.take(approved.folder / "playbooks" / "mend")
    copied = next((approved.folder / "snapshots").rglob("mend/playbook.yml"))
    copied.write_text(copied.read_text() + "# one byte more")
    with pytest.raises(RunError, match="was changed"):
        approved.snapshots.open(digest)
    copied.write_text(copied.read_text().removesuffix("# one byte more"))


@pytest.mark.parametrize("kind", ["pipe", "nowhere", "device"])
def test_what_cannot_be_copied_is_named_when_it_is_loaded(approved, kind):
    place = approved.folder / "playbooks" / "mend" / "odd"
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("/dev/zero" if kind == "device" else "/nowhere/at/all")
    try:
        with pytest.raises(ConfigError, match="odd"):
            approved.snapshots.take(approved.folder / "playbooks" / "mend")
    finally:
        place.unlink()
