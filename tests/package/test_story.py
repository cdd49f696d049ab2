"""The newcomer's story, in order: installed, set up, a fault healed, every kind of trouble, removed.

Each test goes on where the one before stopped.
"""

import time
from contextlib import contextmanager

import pytest
import yaml

from agent.demo.faults import answers
from tests.package.site import BECOME, DOMAIN, INVENTORY, PROMETHEUS, VAULT, install, wait

pytestmark = pytest.mark.package

CONFIG = "/etc/opsmend/opsmend.yml"
ANSIBLE = "/opt/opsmend/bin"
VAULT_FILE = "/etc/opsmend/vault.pass"


def set_config(site, **sections):
    """Change settings as somebody with an editor does."""
    config = yaml.safe_load(site.ops.run("cat", CONFIG))
    for name, values in sections.items():
        config[name] = {**config.get(name, {}), **values}
    site.ops.write(CONFIG, yaml.safe_dump(config))


def running(site):
    return site.status().get("state") == "running" and site.status()["polls"] >= 3


def healed(site, incident_id, timeout_s=180):
    def over():
        found = [one for one in site.incidents("--all") if one["id"] == incident_id]
        return found and found[0]["state"] in ("recovered", "escalated", "cleared") and found[0]

    return wait(over, timeout_s, site.journal)


def new_incident(site, known, host, timeout_s=180):
    """Return the incident of a stopped service; on a busy machine hosts have troubles of their own."""

    def opened():
        stopped = [one for one in site.incidents("--all", "--host", host) if one["fault"] == "service_down"]
        return next((one for one in stopped if one["id"] not in known), None)

    return wait(opened, timeout_s, site.journal)


def state_of(site, incident_id):
    return next(one["state"] for one in site.incidents("--all") if one["id"] == incident_id)


def known_ids(site):
    return {one["id"] for one in site.incidents("--all")}


def test_it_installs_from_the_packages_and_waits_to_be_set_up(site):
    site.ops.run("apt-get", "update", "-q", timeout_s=300)
    said = install(site, "opsmend_*.deb", "opsmend-charts_*.deb")
    assert "'opsmend init' sets it up" in said
    assert site.opsmend("--version").startswith("opsmend ")
    rights = site.ops.run(
        "stat", "-c", "%n %U:%G %a", CONFIG, "/etc/opsmend", "/var/lib/opsmend"
    ).splitlines()
    assert rights == [
        f"{CONFIG} root:opsmend 640", "/etc/opsmend root:opsmend 750", "/var/lib/opsmend opsmend:opsmend 700",
    ]  # fmt: skip
    assert int(site.ops.run("du", "-sm", "/opt/opsmend").split()[0]) <= 350 + 90  # charts are an extra
    assert "inactive" in site.on_ops("systemctl", "is-active", "opsmend", code=3)
    for file in (
        "/usr/share/opsmend/rules/faults.yml", "/usr/share/opsmend/playbooks/restart_service/remediation.yml",
        "/usr/share/opsmend/schemas/opsmend.json", "/etc/opsmend/rules", "/etc/opsmend/playbooks",
    ):  # fmt: skip
        site.ops.run("test", "-e", file)


def test_a_shell_completes_commands_and_names(site):
    script = (
        "source /usr/share/bash-completion/completions/opsmend; "
        "COMP_WORDS=({}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
        "$(complete -p opsmend | sed 's/.*-F //; s/ .*//') opsmend; echo \"${{COMPREPLY[@]}}\""
    )
    assert "incidents" in site.ops.run("bash", "-c", script.format("opsmend inc"))
    assert "awaiting_approval" in site.ops.run("bash", "-c", script.format("opsmend incidents --state aw"))
    assert "restart_service" in site.ops.run("bash", "-c", script.format("opsmend incident run 7 restart_s"))


def test_its_unit_is_hardened(site):
    last = site.ops.run("systemd-analyze", "security", "opsmend", "--no-pager").strip().splitlines()[-1]
    assert float(last.split(":")[1].split()[0]) <= 2.5


def test_before_it_is_set_up_check_says_what_is_wrong(site):
    said = site.opsmend("check", code=6)
    assert "wrong" in said
    assert "does not answer" in said
    said = site.opsmend("status", code=7)
    assert "has the agent been started?" in said


def test_init_looks_and_writes_and_says_what_is_missing(site):
    site.ops.write(VAULT_FILE, f"{VAULT}\n")
    site.ops.run("chown", "root:opsmend", VAULT_FILE)
    site.ops.run("chmod", "640", VAULT_FILE)
    word = site.on_ops(
        f"{ANSIBLE}/ansible-vault",
        "encrypt_string",
        "--vault-password-file",
        VAULT_FILE,
        BECOME,
        "--name",
        "vaulted_word",
    )
    site.ops.write(
        f"{INVENTORY}/host_vars/lb/vault.yml",
        "\n".join(line for line in word.splitlines() if "ncryption" not in line) + "\n",
    )
    said = site.opsmend(
        "init", "--yes", "--prometheus", PROMETHEUS, "--inventory", INVENTORY, "--user", "opsmend",
        "--vault-password-file", VAULT_FILE, "--trust-host-keys", code=6,
    )  # fmt: skip
    assert f"their names differ by {DOMAIN}" in said
    assert "service_down" in said.split("It will see on every host:")[1].splitlines()[0]
    assert "blind for" in said
    assert "systemctl enable --now opsmend" in said
    assert "host web1: " in said.split("wrote ")[-1]
    asked_again = ("init", "--yes", "--prometheus", PROMETHEUS, "--inventory", INVENTORY, "--user", "opsmend")
    assert "is there already" in site.opsmend(*asked_again, code=5)


def test_hosts_are_prepared_by_the_playbook_that_init_wrote(site):
    public = site.ops.run("cat", "/var/lib/opsmend/.ssh/id_ed25519.pub")
    site.hosts["lb"].run("sh", "-c", "cat >> /home/deploy/.ssh/authorized_keys", given=public)
    site.ops.write("/root/.ssh/config", "StrictHostKeyChecking accept-new\n")
    command = (
        f"{ANSIBLE}/ansible-playbook", "-i", INVENTORY, "-i", "/etc/opsmend/inventory",
        "--vault-password-file", VAULT_FILE, "-e", "ansible_user=root", "--limit", "web",
        "/etc/opsmend/prepare-hosts.yml",
    )  # fmt: skip
    site.on_ops(*command)
    assert "changed=0" in site.on_ops(*command)
    web1 = site.hosts["web1"]
    assert not web1.succeeds("runuser", "-u", "opsmend", "--", "sudo", "-n", "sh", "-c", "true")
    assert "restrict,pty" in web1.run("cat", "/var/lib/opsmend-login/.ssh/authorized_keys")


def test_then_check_is_good(site):
    said = site.opsmend("check")
    assert "wrong" not in said
    for name in ("web1", "web2", "lb"):
        assert f"host {name}: answers, and lets us be root" in said
        assert f"Prometheus calls it {name}.{DOMAIN}" in said
    for name in ("web1", "web2", "lb"):
        site.opsmend("probe", name)  # asked with the agent's key, not root's
    preview = ("playbooks", "run", "restart_service", "--host", "web1", "--check")
    assert "succeeded" in site.opsmend(*preview, "-p", "service_unit=nginx.service")  # so is this


def test_what_only_the_unit_would_refuse_is_told_before_it_is_started(site):
    good = site.ops.run("cat", CONFIG)
    site.ops.run("install", "-d", "-o", "opsmend", "-m", "700", "/srv/opsmend")
    set_config(site, agent={"state_dir": "/srv/opsmend"})
    assert "/srv/opsmend is read-only for the agent's unit" in site.opsmend("check", "--offline", code=78)
    set_config(site, agent={"state_dir": "/etc/passwd/opsmend"})
    assert "cannot be made: /etc/passwd is no folder" in site.opsmend("check", "--offline", code=78)
    site.ops.write(CONFIG, good)
    site.opsmend("check", "--offline")


def test_the_service_starts_and_its_group_may_ask_without_sudo(site):
    set_config(
        site,
        agent={"time_scale": 0.05},
        collect={
            "poll": "1s",
            "history": "5m",
            "prometheus": {"url": PROMETHEUS, "timeout": "5s", "seasons": "0s"},
        },
    )
    site.on_ops("systemctl", "enable", "--now", "opsmend")
    wait(lambda: running(site), 90, site.journal)
    for name in ("alice", "bob"):
        site.ops.run("useradd", "--create-home", name)
    site.ops.run("usermod", "-aG", "opsmend", "alice")
    assert "running" in site.opsmend("status", user="alice")
    site.opsmend("incidents", user="alice")
    assert "Incidents of" in site.opsmend("report", user="alice")
    assert "intact" in site.opsmend("audit", "verify", user="alice")
    assert "you are not opsmend" in site.opsmend("check", user="alice")
    for command in ("models list", "audit export /tmp/alice.audit", "backup /tmp/alice.copy"):
        assert "use sudo" in site.opsmend(*command.split(), user="alice", code=5)
    refused = site.opsmend("status", user="bob", code=5)
    assert "you may not ask the agent" in refused
    assert "not running" not in refused
    assert "Permission denied" in site.on_ops("ls", "/var/lib/opsmend", user="alice", code=2)


def test_in_mode_observe_a_fault_is_told_and_nothing_is_done(site):
    site.hosts["web1"].run("systemctl", "stop", "nginx")
    found = new_incident(site, set(), f"web1.{DOMAIN}")
    wait(lambda: state_of(site, found["id"]) == "held", 60, site.journal)
    assert "observe" in site.opsmend("incidents", user="alice")
    assert "restart_service on web1" in site.opsmend("incident", str(found["id"]), user="alice")
    assert "paused by alice" in site.opsmend("pause", "-m", "a look first", user="alice")
    assert "resumed" in site.opsmend("resume", user="alice")
    assert "you may not ask the agent" in site.opsmend(
        "incident", "close", str(found["id"]), user="bob", code=5
    )
    time.sleep(5)
    assert not answers(site.hosts["web1"])


def test_a_reload_brings_the_mode_into_force_and_the_fault_is_healed(site):
    set_config(site, agent={"mode": "auto"})
    site.on_ops("systemctl", "reload", "opsmend")
    over = healed(site, new_incident(site, set(), f"web1.{DOMAIN}")["id"])
    assert over["state"] == "recovered", site.opsmend("incident", str(over["id"]))
    assert answers(site.hosts["web1"])


@pytest.mark.parametrize("name", ["web1", "web2", "lb"])
def test_each_way_in_is_good_for_a_repair(site, name):
    """As opsmend by its key, through a jump host, and with a password for sudo from the vault."""
    known = known_ids(site)
    unit = "haproxy" if name == "lb" else "nginx"
    began = time.monotonic()
    site.hosts[name].run("systemctl", "stop", unit)
    found = new_incident(site, known, f"{name}.{DOMAIN}")
    over = healed(site, found["id"])
    print(f"{name}: healed and verified {time.monotonic() - began:.1f} s after {unit} was stopped")
    assert over["state"] == "recovered", site.opsmend("incident", str(over["id"]))


def test_a_mistake_in_a_file_fails_the_reload_and_is_named(site):
    site.ops.write("/etc/opsmend/rules/policy.yml", "roles: {}\nremediations: [{id: x, mode: nonsense}]\n")
    said = site.on_ops("systemctl", "reload", "opsmend", code=1)
    assert "failed" in said
    assert "policy.yml" in site.journal()
    assert "reload refused" in site.opsmend("status")
    site.ops.run("rm", "/etc/opsmend/rules/policy.yml")
    site.on_ops("systemctl", "reload", "opsmend")


def test_a_loop_that_hangs_is_ended_by_the_watchdog_and_started_anew(site):
    """The hook is a file of the test's own, read by Python at start: nothing of it is in the product."""
    hook = (
        "import threading, pathlib, agent.service.polling as polling\n"
        "poll = polling.Polling.poll\n"
        "def hang(self, guarded):\n"
        "    if pathlib.Path('/var/lib/opsmend/hang').exists():\n"
        "        threading.Event().wait()\n"
        "    poll(self, guarded)\n"
        "polling.Polling.poll = hang\n"
    )
    libraries = "/opt/opsmend/lib/python3.11/site-packages"
    site.ops.write(f"{libraries}/hang_hook.py", hook)
    site.ops.write(
        f"{libraries}/hang_hook.pth",
        "import sys; 'opsmend' in sys.argv[0] and 'run' in sys.argv and __import__('hang_hook')\n",
    )
    site.on_ops("systemctl", "restart", "opsmend")
    wait(lambda: running(site), 90, site.journal)
    before = site.status()["pid"]
    site.ops.run("touch", "/var/lib/opsmend/hang")
    began = time.monotonic()
    wait(
        lambda: "watchdog" in site.ops.run("journalctl", "-u", "opsmend", "--no-pager").lower(),
        240,
        site.journal,
    )
    print(f"the watchdog ended it {time.monotonic() - began:.0f} s after the poll began to hang")
    site.ops.run("rm", "/var/lib/opsmend/hang", f"{libraries}/hang_hook.pth", f"{libraries}/hang_hook.py")
    wait(lambda: running(site) and site.status()["pid"] != before, 120, site.journal)
    assert "hang" in site.ops.run("journalctl", "-u", "opsmend", "--no-pager", "-g", "hang_hook.py")


def test_killed_in_the_middle_of_a_run_it_goes_on(site):
    """An interrupted run is looked at first, and begun once more where the policy says so."""
    policy = yaml.safe_load(site.ops.run("cat", "/usr/share/opsmend/rules/policy.yml"))
    for rule in policy["remediations"]:
        if rule["mode"] == "auto":
            rule["repeat_interrupted"] = True
    site.ops.write("/etc/opsmend/rules/policy.yml", yaml.safe_dump(policy))
    site.on_ops("systemctl", "reload", "opsmend")
    known = known_ids(site)
    site.hosts["web1"].run("systemctl", "stop", "nginx")
    found = new_incident(site, known, f"web1.{DOMAIN}")
    wait(lambda: state_of(site, found["id"]) in ("remediating", "verifying"), 60, site.journal)
    site.on_ops("systemctl", "kill", "--signal=SIGKILL", "opsmend")
    over = healed(site, found["id"])
    assert over["state"] == "recovered", site.opsmend("incident", str(over["id"]))


def test_after_a_reboot_it_is_back(site):
    before = site.status()["pid"], site.ops.run("cat", "/proc/sys/kernel/random/boot_id")
    site.restart_ops()
    wait(lambda: running(site), 120, site.journal)
    assert site.status()["started_at"] is not None
    assert before


@contextmanager
def state_on_a_small_disk(site):
    """Let the state lie on a file system of 48 MB meanwhile."""
    move = "cp -a {0}/. {1}/ && chown opsmend:opsmend {1} && chmod 700 {1}"
    there, here = "/srv/state", "/var/lib/opsmend"
    site.on_ops("systemctl", "stop", "opsmend")
    mount = f"mkdir -p {there} && {move.format(here, there)} && mount -t tmpfs -o size=48m tmpfs {here}"
    site.ops.run("sh", "-c", f"{mount} && {move.format(there, here)}")
    site.on_ops("systemctl", "start", "opsmend")
    try:
        yield f"{here}/full"
    finally:
        site.on_ops("systemctl", "stop", "opsmend")
        site.ops.run("sh", "-c", f"{move.format(here, there)} && umount {here} && {move.format(there, here)}")
        site.on_ops("systemctl", "start", "opsmend")


def test_a_full_disk_is_told_and_gone_it_is_well(site):
    """On web2: web1 was healed so often by now that the guard against flapping leaves it to people."""
    with state_on_a_small_disk(site) as filler:
        wait(lambda: running(site), 90, site.journal)
        site.ops.run("sh", "-c", f"cat /dev/zero > {filler} 2>/dev/null || true")
        site.hosts["web2"].run("systemctl", "stop", "nginx")
        wait(lambda: "store cannot be used" in site.opsmend("status"), 90, site.journal)
        site.ops.run("rm", filler)
        wait(lambda: answers(site.hosts["web2"]), 120, site.journal)
        wait(lambda: "store cannot be used" not in site.opsmend("status"), 60, site.journal)
    wait(lambda: running(site), 90, site.journal)


def test_a_copy_of_the_store_is_made_while_it_works_and_put_back(site):
    known = known_ids(site)
    said = site.opsmend("backup", "/root/opsmend.copy")
    assert "wrote /root/opsmend.copy" in said
    assert "use sudo" in site.opsmend("backup", "/tmp/x", user="alice", code=5)
    assert "stop it first" in site.opsmend("restore", "/root/opsmend.copy", code=4)
    site.on_ops("systemctl", "stop", "opsmend")
    site.ops.run("rm", "/var/lib/opsmend/opsmend.db")
    assert "restored" in site.opsmend("restore", "/root/opsmend.copy")
    site.on_ops("systemctl", "start", "opsmend")
    wait(lambda: running(site), 90, site.journal)
    assert known_ids(site) >= known
    assert "restored from opsmend.copy" in site.opsmend("status")
    assert "intact" in site.opsmend("audit", "verify")


def test_purged_nothing_is_left(site):
    purge = "DEBIAN_FRONTEND=noninteractive apt-get purge -qy 'opsmend*'"
    site.ops.run("sh", "-c", purge, timeout_s=300)
    assert "opsmend" not in site.ops.run("getent", "passwd")
    # what apt, journal and people keep of their own accord, and in /sys the kernel, also of other hosts
    kept = ("/proc", "/sys", "/srv", "/root", "/home", "/var/log", "/var/lib/apt", "/var/cache", "/tmp")
    skip = " -o ".join(f"-path {place}" for place in kept)
    find = f"find / \\( {skip} \\) -prune -o -name '*opsmend*' -print"
    assert site.ops.run("sh", "-c", find) == ""
