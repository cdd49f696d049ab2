"""Secrets of a run: taken out by value wherever they show, whichever vault or task hid them."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from agent.errors import RunError
from agent.records import RunState
from agent.remediate import HostQuestions
from tests.operator.site import PLUGINS, Site

BIN = Path(sys.executable).parent
DEBUG, COMMAND = "ansible.builtin.debug", "ansible.builtin.command"
KEY = "-----BEGIN KEY-----\nMIIEaaaa1111bbbb\nZZyy2222xxwwvvuu\n-----END KEY-----\n"


SETTINGS = "A=1\nTOKEN=setting-twelve\n"


def encrypt(folder: Path, label: str, file: Path) -> None:
    (folder / f"{label}.pass").write_text(f"open {label}")
    identity = ["--encrypt-vault-id", label, "--vault-id", f"{label}@{folder}/{label}.pass"]
    subprocess.run([BIN / "ansible-vault", "encrypt", *identity, file], check=True, capture_output=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """An operator with two vault ids, of which files of variables, a plain file and a template are made."""
    made = Site(tmp_path_factory.mktemp("site"))
    made.config.write_text(
        f"[defaults]\nconnection_plugins = {PLUGINS}\n"
        "vault_identity_list = dev@dev.pass, prod@prod.pass\ndisplay_args_to_stdout = true\n"
    )
    group = made.write(
        "inventory/group_vars/all.yml", {"of_group": "groupsecret-1", "list": ["listsecret-2"]}
    )
    encrypt(made.folder, "dev", group)
    values = {"of_file": "filesecret-3", "deep": {"a": [{"b": "deepsecret-4"}]}, "pin": 73462918, "rsa": KEY}
    values |= {"coded": "Y29kZWQtc2VjcmV0", "rendered": "rendered of {{ inventory_hostname }}"}
    values |= {"dsn": "postgres://ann:of-url-10@db1/x", "json": '{"inner":"inner-11"}', "settings": SETTINGS}
    encrypt(made.folder, "prod", made.write("playbooks/mend/hidden.yml", values))
    encrypt(made.folder, "prod", made.write("playbooks/mend/files/licence", "licence-5 of Zürich\n"))
    encrypt(made.folder, "prod", made.write("playbooks/mend/files/keys.csv", "bob,x\nann,c0lumn-13\n"))
    later = {"rendered_later": "later {{ inventory_hostname }} opened-19"}
    encrypt(made.folder, "prod", made.write("playbooks/mend/later.yml", later))
    encrypt(made.folder, "prod", made.write("playbooks/mend/templates/text.j2", "templated of {{ 1 }}\n"))
    return made


def play(site, *tasks, **fields):
    return site.play(*tasks, vars_files=["hidden.yml"], **fields)


def everything(site, ended):
    events = [text for event in site.events for text in (event.task, event.message)]
    return "\n".join([ended.output, ended.detail, *events])


SHOWN = [
    ("{{ of_group }}", "groupsecret-1"),
    ("{{ list }}", "listsecret-2"),
    ("{{ of_file | upper | lower }}", "filesecret-3"),
    ("{{ deep }}", "deepsecret-4"),
    ("{{ pin }}", "73462918"),
    ("{{ rsa }}", "MIIEaaaa1111bbbb"),
    ("{{ rsa.splitlines()[2] }}", "ZZyy2222xxwwvvuu"),
    ("{{ lookup('ansible.builtin.file', 'licence') }}", "licence-5 of Z"),
    ("{{ of_file | b64encode }}", "ZmlsZXNlY3JldC0z"),
    ("{{ of_file | urlencode }}", "filesecret-3"),
    ("{{ ('user:' ~ of_file) | b64encode }}", "aWxlc2VjcmV0"),
    ("{{ of_file[:6] }}\n    {{ of_file[6:] }}", "cret-3"),
    ("{{ {'k': of_file} | to_json | to_json }}", "filesecret-3"),
    ("{{ coded | b64decode }}", "coded-secret"),
    ("{{ rendered }}", "rendered of"),
    ("{{ lookup('ansible.builtin.template', 'text.j2') }}", "templated of"),
    ("{{ dsn | urlsplit('password') }}", "of-url-10"),
    ("{{ (json | from_json).inner }}", "inner-11"),
    ("{{ settings.splitlines()[1].split('=')[1] }}", "setting-twelve"),
    ("{{ lookup('csvfile', 'ann file=keys.csv delimiter=,') }}", "c0lumn-13"),
    ("{{ deep | dict2items | map(attribute='value') }}", "deepsecret-4"),
    ("{{ 'x' * 1980 ~ of_file }}", "filesecret"),
    ("{{ 'x' * 65530 ~ of_file }}", "secret-3"),
]


def test_what_any_vault_held_is_shown_nowhere(site):
    """However it is encoded, whichever way it goes, and where the output is cut in the middle of it."""
    tasks = [
        task
        for expression, _ in SHOWN
        for task in (
            {"name": "Say {{ of_group }}", DEBUG: {"msg": expression}},
            {"name": "Pass", COMMAND: {"argv": ["echo", expression]}},
            {"name": "Fail", "ansible.builtin.fail": {"msg": expression}, "ignore_errors": True},
        )
    ]
    site.playbook(tasks, vars_files=["hidden.yml"])
    ended = site.run(timeout=timedelta(minutes=3))
    assert ended.state is RunState.SUCCEEDED, ended.detail
    said = everything(site, ended)
    assert [secret for _, secret in SHOWN if secret in said] == []
    assert said.count("[secret]") > len(SHOWN)


@pytest.mark.parametrize(
    "task",
    [
        {COMMAND: {"argv": ["echo", "nolog-6"]}, "no_log": True},
        {COMMAND: "echo {{ item }}", "loop": ["nolog-6"], "no_log": True},
        {"ansible.builtin.set_fact": {"x": "nolog-6"}, "no_log": True},
        {"block": [{"name": "Inner", COMMAND: "echo nolog-6"}], "no_log": True},
        {COMMAND: "sh -c 'echo nolog-6 >&2; exit 3'", "no_log": True, "ignore_errors": True},
        {
            "ansible.builtin.uri": {"url": "http://127.0.0.1:9/", "url_password": "nolog-6"},
            "ignore_errors": True,
        },
    ],
)
def test_what_a_task_hides_is_shown_by_no_later_one(site, task):
    ended = site.play({"name": "Hide", **task}, {"name": "Say", DEBUG: {"msg": "it was nolog-6"}})
    assert ended.state is RunState.SUCCEEDED, ended.output
    assert "nolog-6" not in everything(site, ended)
    assert "it was [secret]" in ended.output


KEYS = ["k3y-of-vault-1a", "9f8e7d6c5b4a", "73462919", "pass phrase", "ab12cd34", "abcdefghijklmnopqrst"]


def test_a_key_is_as_secret_as_a_value_and_a_name_is_none(tmp_path):
    """Of whatever can have keys: a vault, a hidden result, a hidden loop, a variable that says so."""
    site = Site(tmp_path)
    site.config.write_text(site.config.read_text() + "vault_identity_list = dev@dev.pass\n")
    site.hosts("web1", "i0abc12def456", db=["db1"])
    named = dict.fromkeys(("web1", "max_files", "i0abc12def456", "db", "app-2.example.test", "8080"), "x")
    site.write("playbooks/mend/hidden.yml", {"users": {KEYS[0]: "x"}, "list": [{KEYS[1]: [named]}], "x": {}})
    pins = site.folder / "playbooks/mend/hidden.yml"
    pins.write_text(pins.read_text() + f"pins: {{{KEYS[2]}: x}}\nwords: !!set {{? '{KEYS[3]}'}}\n")
    encrypt(site.folder, "dev", pins)
    ended = site.play(
        {
            "name": "Hide",
            "set_fact": {"of_fact": {"deep": {KEYS[4]: "x"}}},
            "register": "one",
            "no_log": True,
        },
        {"name": "Loop", "set_fact": {"y": "{{ item }}"}, "loop": [{KEYS[5]: "x"}], "no_log": True},
        *({"name": "Say", DEBUG: {"msg": f"known {key}."}} for key in (*KEYS, "c4lled-so-7e")),
        *(
            {"name": "Say", DEBUG: {"var": one}}
            for one in ("users | dict2items", "list", "pins", "of_fact", "words")
        ),
        {"name": "Fail", "ansible.builtin.fail": {"msg": "{{ users }}"}, "ignore_errors": True},
        {"name": "Bad", DEBUG: {"msg": "{{ users.none }}"}, "ignore_errors": True},
        vars_files=["hidden.yml"],
        vars={"api_tokens": {"c4lled-so-7e": "ann"}},
    )
    assert ended.state is RunState.SUCCEEDED, ended.output
    said = everything(site, ended)
    assert [key for key in (*KEYS, "c4lled-so-7e") if key in said] == []
    assert [name for name in named if name not in said] == []


def test_what_a_name_calls_secret_is_hidden_as_a_number_and_as_a_template_too(site, tmp_path):
    """Whichever way it comes to be rendered, and whatever it is read from."""
    (tmp_path / "file").write_text("filed-7\n")
    site.write("inventory/host_vars/web1.yml", {"part": "hosted-8", "db_password": "{{ part }}"})
    del site.inventory
    said = {
        "pin_secret": 83749201,
        "root_password": f"{{{{ lookup('file', '{tmp_path}/file') }}}}",
        "inner": "nested-9",
        "credentials": {"user": ["{{ inner }}"]},
    }
    shown = ["pin_secret", "root_password", "lookup('vars', 'root_password')", "hostvars.web1.db_password"]
    shown += ["credentials.user[0]", "credentials | to_json"]
    ended = site.play(*({"name": "Say", DEBUG: {"msg": f"{{{{ {one} }}}}"}} for one in shown), vars=said)
    assert ended.state is RunState.SUCCEEDED, ended.output
    assert ended.output.count("[secret]") == len(shown)
    for secret in ("83749201", "filed-7", "hosted-8", "nested-9"):
        assert secret not in everything(site, ended)


def test_what_ansible_tells_its_own_modules_is_no_secret_of_a_hidden_task(site):
    ended = site.play(
        {"name": "Hide", COMMAND: "true", "no_log": True},
        {"name": "Say", DEBUG: {"msg": "refused by ansible.legacy.command"}},
    )
    assert "refused by ansible.legacy.command" in ended.output


def test_differences_of_check_mode_are_clean_too(site, tmp_path):
    (tmp_path / "conf").write_text("password = filesecret-3\n")
    copy = {"content": "password = {{ of_group }}\n", "dest": str(tmp_path / "conf"), "mode": "0600"}
    site.playbook([{"name": "C", "ansible.builtin.copy": copy}], vars_files=["hidden.yml"])
    ended = site.run(check=True)
    assert ended.state is RunState.SUCCEEDED, ended.output
    assert "-password = [secret]" in ended.output
    assert "+password = [secret]" in ended.output


CALLBACK = """
from ansible.plugins.callback import CallbackBase
class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "aggregate", "loud"
    def v2_runner_on_ok(self, result):
        print("loud:", result.task_name, result.result)
"""
WARN = """#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule(argument_spec={"text": {"type": "str"}})
module.warn("be careful " * 7 + module.params["text"])
module.exit_json(changed=False)
"""


def test_what_a_callback_prints_and_what_ansible_folds_is_clean_too(tmp_path):
    """The operator's callbacks count; what they print is output like any other."""
    site = Site(tmp_path)
    site.write("callbacks/loud.py", CALLBACK)
    site.write("playbooks/mend/library/warn.py", WARN)
    more = f"callback_plugins = {tmp_path}/callbacks\ncallbacks_enabled = loud\nstdout_callback = minimal\n"
    site.config.write_text(site.config.read_text() + more)
    secret = "folded-secret-of-many-words-and-lines"
    ended = site.play(
        {"name": "Hide", COMMAND: {"argv": ["echo", secret]}, "no_log": True},
        {"name": "Warn", "warn": {"text": secret}},
        {"name": "Say", COMMAND: {"argv": ["echo", secret]}},
    )
    assert ended.state is RunState.SUCCEEDED, ended.output
    assert [event.task for event in site.events if event.status != "started"] == ["Hide", "Warn", "Say"]
    assert "loud: Say" in ended.output
    said = "".join(everything(site, ended).split())
    assert not [part for part in ("folded-secret", "of-many-words", "and-lines") if part in said]


def ask(site, *command):
    client = HostQuestions(folder=site.folder / "run", config=site.configs.current())
    return client.ask(site.inventory.read(), {"web1": [command]}, timedelta(seconds=9), "probe-1")["web1"]


def test_what_a_host_answers_to_questions_is_clean_too(site):
    """Command lines that others can read hold passwords, and answers are kept with the incident."""
    (spoken,) = ask(site, "sh", "-c", "echo mysql -pgroupsecret-1; echo listsecret-2 >&2").spoken
    assert (spoken.text, spoken.complaint) == ("mysql -p[secret]\n", "[secret]\n")


def test_an_answer_of_which_nobody_can_say_what_is_secret_is_none(tmp_path):
    site = Site(tmp_path)
    file = site.write("lost.yml", "filesecret-3")
    (tmp_path / "lost.pass").write_text("open lost")
    identity = ["--encrypt-vault-id", "lost", "--vault-id", f"lost@{tmp_path}/lost.pass"]
    command = [BIN / "ansible-vault", "encrypt_string", *identity, file.read_text(), "--name", "key_of_db"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    site.write("inventory/host_vars/web1.yml", said)
    answer = ask(site, "echo", "filesecret-3")
    assert answer.spoken == ()
    assert "could not be opened" in answer.error


def test_where_a_vault_cannot_be_opened_no_output_is_kept_and_that_is_said(tmp_path):
    site = Site(tmp_path)
    file = site.write("playbooks/mend/hidden.yml", {"of_file": "filesecret-3"})
    encrypt(site.folder, "lost", file)
    ended = site.play({"name": "Say", DEBUG: {"msg": "anything"}}, vars_files=["hidden.yml"])
    assert ended.state is RunState.FAILED
    assert "anything" not in ended.output
    assert "vault" in ended.output + ended.detail
    ended = site.play({"name": "Say", DEBUG: {"msg": "anything"}})
    assert "anything" not in ended.output
    assert "could not be opened" in ended.output


def test_what_is_told_of_an_inventory_holds_nothing_of_its_vaults(tmp_path):
    """Errors of templates quote what they were given; a vault that is a whole file is one, too."""
    site = Site(tmp_path)
    site.config.write_text(site.config.read_text() + "vault_identity_list = dev@dev.pass\n")
    held = {"pin": "p1n-of-vault", "name": "web1.example.test", "deep": {"k3y-1n-vault": "x" * 290}}
    encrypt(site.folder, "dev", site.write("inventory/group_vars/all.yml", held))
    said = {"opsmend_a": "{{ pin }}", "opsmend_b": "{{ [][pin] }}", "ansible_host": "{{ deep }}"}
    said |= {"opsmend_c": "{{ deep[deep.keys() | first ~ pin] }}", "opsmend_aliases": ["{{ name }}"]}
    site.write("inventory/host_vars/web1.yml", said)
    encrypt(site.folder, "dev", site.write("inventory/host_vars/web2.yml", {"opsmend_a": "d1rect-too"}))
    site.hosts("web1", "web2")
    web1, web2 = site.inventory.hosts().values()
    assert web1.unknown.keys() == {"opsmend_a", "opsmend_b", "opsmend_c", "ansible_connection"}
    assert web1.aliases == ("web1.example.test",)
    assert "opsmend_a" in web2.unknown
    told = repr((web1, web2, site.inventory.read().warnings))
    assert "[secret]" in told
    assert not [one for one in ("p1n", "k3y", "xxx", "d1rect") if one in told]


def test_an_inventory_that_cannot_be_read_is_told_without_its_vaults(tmp_path):
    site = Site(tmp_path)
    site.config.write_text(site.config.read_text() + "vault_identity_list = dev@dev.pass\n")
    encrypt(site.folder, "dev", site.write("inventory/worse.ini", "[web:vars]\nb4d-value\n"))
    with pytest.raises(RunError) as error:
        site.inventory.read()
    assert "worse.ini" in str(error.value)
    assert "Expected key=value, got: [secret]" in str(error.value)
    assert "b4d" not in str(error.value)


def test_a_refusal_quotes_no_secret(site):
    ended = play(site, {"name": "Go {{ of_file }}", COMMAND: "true", "delegate_to": "{{ of_group }}"})
    assert "it is delegated to [secret], and the run is for web1" in ended.detail
    assert "groupsecret-1" not in everything(site, ended)


@pytest.mark.parametrize("how", ["time", "cancel"])
def test_a_run_that_is_cut_short_leaves_no_file_with_a_secret(site, how):
    folder = site.folder / "run"
    hang = {"name": "Hang", COMMAND: {"argv": ["sleep", "71"]}, "environment": {"PIN": "{{ of_file }}"}}
    site.playbook([hang], vars_files=["hidden.yml"])
    seen: list[int] = []

    def canceled():
        seen.append(1)
        return how == "cancel" and len(seen) > 15

    ended = site.run(timeout=timedelta(seconds=5 if how == "time" else 30), canceled=canceled)
    assert ended.state is (RunState.TIMED_OUT if how == "time" else RunState.CANCELED)
    kept = [file for file in folder.rglob("*") if file.is_file() and "inventory" not in file.parts]
    assert kept == []


def test_a_vault_that_holds_no_utf_8_leaves_the_inventory_to_be_read(tmp_path):
    site = Site(tmp_path)
    site.config.write_text(site.config.read_text() + "vault_identity_list = dev@dev.pass\n")
    file = site.write("inventory/latin.txt", "")
    file.write_bytes("pässwort-17\n".encode("latin-1"))
    encrypt(site.folder, "dev", file)
    text = file.read_text().replace("\n", "\n  ").rstrip()
    file.unlink()
    group = site.write("inventory/group_vars/all.yml", "")
    group.write_text(f"colour: blue\nword: !vault |\n  {text}\n")
    assert "web1" in site.inventory.read().hosts


def test_a_template_that_one_task_opens_is_hidden_where_another_renders_it(site):
    ended = play(
        site,
        {"ansible.builtin.include_vars": "later.yml"},
        {"ansible.builtin.debug": {"msg": "{{ rendered_later }}"}},
    )
    assert "opened-19" not in everything(site, ended)
    assert "later web1" not in everything(site, ended)
    assert "[secret]" in everything(site, ended)


def test_what_stands_in_itself_by_aliases_a_million_times_holds_nobody_up(site):
    levels = "a: &a [x]\n" + "".join(
        f"l{number}: &l{number} [{', '.join([before] * 10)}]\n"
        for number, before in enumerate(["*a", *(f"*l{number}" for number in range(8))])
    )
    file = site.write("playbooks/mend/aliases.yml", "")
    file.write_text(levels + "api_token: aliased-20\n")
    site.playbook([{"ansible.builtin.debug": {"var": "api_token"}}], vars_files=["aliases.yml"])
    ended = site.run(timeout=timedelta(seconds=30))
    assert ended.state is RunState.SUCCEEDED
    assert "aliased-20" not in everything(site, ended)
