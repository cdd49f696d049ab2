"""Secrets of hosts and of the agent: used by playbooks, seen nowhere afterwards."""

import subprocess
import sys
from pathlib import Path

import yaml

from agent.records import IncidentState
from tests.integration.test_cli import OPSMEND
from tests.integration.workshop import drive, settled, wait_for
from tests.servers.process import wait_until

VAULTED, PLAIN, HIDDEN = "vaulted-3f9a", 'plain "quoted" 71c2', "hidden-by-no-log-88d0"
PASSWORD = "open sesame"


def vaulted(folder: Path) -> str:
    """Encrypt a value as authors do."""
    password = folder / "vault.pass"
    password.write_text(PASSWORD)
    command = [
        Path(sys.executable).parent / "ansible-vault",
        "encrypt_string",
        "--vault-password-file",
        password,
    ]
    done = subprocess.run([*command, VAULTED], capture_output=True, text=True, check=True)
    return done.stdout.split("\n", 1)[1]


def careless(workshop):
    """A playbook whose author prints what should not be seen, and fails with it."""
    loud = "{{ key_of_db }} and {{ db_password }}"
    tasks = [
        {"name": "Say", "ansible.builtin.debug": {"msg": loud}},
        {
            "name": "Do",
            "ansible.builtin.command": {"argv": ["echo", loud]},
            "environment": {"PGPASSWORD": "{{ db_password }}"},
        },
        {"name": "Hide", "ansible.builtin.command": {"argv": ["echo", HIDDEN]}, "no_log": True},
        {"name": "Prove", "ansible.builtin.assert": {"that": [f"key_of_db == '{VAULTED}'"]}},
        {"name": "Fail", "ansible.builtin.fail": {"msg": f"cannot log in with {loud}"}},
    ]
    workshop.remediation("mend", tasks)
    workshop.inventory({"db_password": PLAIN})
    text = (workshop.folder / "hosts.yml").read_text()
    cipher = vaulted(workshop.folder).replace("\n", "\n    ").rstrip()
    (workshop.folder / "hosts.yml").write_text(f"{text}    key_of_db: !vault |\n    {cipher}\n")
    workshop.config["remediate"]["vault_password_file"] = str(workshop.folder / "vault.pass")


def everything_kept(workshop) -> bytes:
    """All that the agent keeps on disk, but for the copies of playbooks, which the test wrote itself."""
    kept = [file for name in ("state", "run") for file in (workshop.folder / name).rglob("*")]
    return b"".join(file.read_bytes() for file in kept if file.is_file() and "snapshots" not in file.parts)


def test_what_a_careless_playbook_says_is_kept_and_shown_without_secrets(workshop):
    careless(workshop)
    process = workshop.start()
    stores = workshop.stores()
    try:
        wait_until(lambda: "agent started" in workshop.log(), 60, workshop.log)
        workshop.break_host("web1")
        incident = wait_for(stores, IncidentState.ESCALATED)
    finally:
        process.terminate()
        process.wait(timeout=30)
    (run,) = stores.runs.of_incident(incident.id)
    stores.close()
    assert run.detail == "step 'go': web1: Fail: cannot log in with [secret] and [secret]"
    show = [OPSMEND, "incident", "show", str(incident.id), "--config", workshop.save_config()]
    shown = subprocess.run(show, capture_output=True, check=True).stdout
    shown += subprocess.run([*show, "--json"], capture_output=True, check=True).stdout
    for secret in (VAULTED, "71c2", HIDDEN, PASSWORD):
        for place in (everything_kept(workshop), shown, workshop.log().encode()):
            assert secret.encode() not in place, secret


def test_addresses_of_messages_and_tokens_are_not_kept(workshop, make_agent):
    url = workshop.folder / "boss.url"
    url.write_text("json://user:swordfish-19@127.0.0.1:9/\n")
    workshop.config["notify"] = {"targets": {"boss": {"url_file": str(url)}}, "escalate_to": ["boss"]}
    workshop.policy(remediations=[])
    workshop.api(ann="token-of-ann-0123456789")
    agent = make_agent()
    workshop.break_host("web1")
    drive(agent, settled(agent.stores))
    agent.notifier.deliver()
    (waiting,) = agent.stores.notifications.of_incident(1)
    assert waiting.attempts == 1
    kept = everything_kept(workshop)
    assert b"swordfish" not in kept
    assert b"token-of-ann" not in kept
    assert yaml.safe_load((workshop.folder / "tokens.yml").read_text()) == {"ann": "token-of-ann-0123456789"}
