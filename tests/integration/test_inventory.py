"""The inventory as Ansible itself sees it, and what is done when it cannot be seen."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.errors import RunError
from agent.records import RunState
from agent.remediate import AnsibleInventory
from agent.remediate.ansible_config import AnsibleConfigs
from tests.operator.site import ELSEWHERE, Site

TEMPLATED = """
all:
  vars:
    domain: example.test
    opsmend_aliases: ["{{ inventory_hostname }}.{{ domain }}"]
    opsmend_environment: "{{ stage[inventory_hostname] }}"
    stage: {web1: production}
    opsmend_host_suffixes: [lan]
    ansible_ssh_common_args: "-F {{ lookup('ansible.builtin.env', 'SITE_DIR') }}/ssh_config"
  hosts:
    web1: {ansible_host: "10.0.{{ rack }}.1", rack: 7, opsmend_balancer: "{{ groups['balancer'][0] }}"}
    web1-old: {ansible_host: 10.0.7.1, ansible_user: somebody}
    web3: {ansible_host: jumped}
    lost: {ansible_host: "{{ nowhere }}"}
    Grüße: {ansible_connection: local}
    web1-root: {ansible_host: root@10.0.7.1}
    web1-url: {ansible_host: "ssh://root@10.0.7.1"}
    web1-mapped: {ansible_host: "::ffff:10.0.7.1"}
    web1-again: {ansible_host: "{{ hostvars['web1'].ansible_host }}"}
  children:
    balancer: {hosts: {lb: {ansible_host: LB.example.test., ansible_port: 2222}}}
"""


def read(folder: Path, *sources: Path, clock=None, **fields) -> AnsibleInventory:
    config = AnsibleConfigs(fields.pop("config", None), [])
    made = sources or (folder / "inventory",)
    return AnsibleInventory(
        made, clock or SystemClock(), timedelta(minutes=5), folder / "run", config.current, **fields
    )


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        file = folder / (name.replace("__", "/") + ".yml")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


@pytest.fixture(scope="module")
def templated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("templated")
    (folder / "ssh_config").write_text("Host jumped\n  HostName 10.9.9.9\n  ProxyJump bastion\n")
    write(folder / "inventory", hosts=TEMPLATED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SITE_DIR", str(folder))
        return read(folder).read()


class TestAsAnsibleSeesIt:
    def test_what_is_templated_is_rendered_for_each_host(self, templated):
        web1 = templated.hosts["web1"]
        assert web1.variables["opsmend_environment"] == "production"
        assert web1.variables["opsmend_balancer"] == "lb"
        assert web1.names >= {"web1", "10.0.7.1", "web1.example.test"}
        assert templated.hosts["Grüße"].variables["opsmend_aliases"] == ["Grüße.example.test"]

    def test_two_names_of_one_machine_have_one_identity_whoever_logs_in(self, templated):
        for name in ("web1-old", "web1-root", "web1-url", "web1-mapped", "web1-again"):
            assert templated.hosts["web1"].identity == templated.hosts[name].identity, name
        assert templated.hosts["web1"].identity == "ssh 10.0.7.1 port 22"
        assert templated.hosts["lb"].identity == "ssh lb.example.test port 2222"
        assert templated.hosts["Grüße"].identity == "local"

    def test_what_ssh_itself_makes_of_a_name_counts(self, templated):
        assert templated.hosts["web3"].identity == "ssh 10.9.9.9 port 22 through bastion"

    def test_what_cannot_be_rendered_is_unknown_and_says_why(self, templated):
        lost, lb = templated.hosts["lost"], templated.hosts["lb"]
        assert lost.identity == ""
        assert "'nowhere' is undefined" in lost.unknown["ansible_host"]
        assert "opsmend_environment" not in lb.variables
        assert "opsmend_environment" in lb.unknown

    def test_the_answer_is_kept_until_a_file_changes(self, tmp_path):
        inventory = read(tmp_path, write(tmp_path / "inventory", hosts="all: {hosts: {web1: }}"))
        first = inventory.read()
        assert inventory.read() is first
        write(tmp_path / "inventory", group_vars__all="opsmend_aliases: [www]\n")
        assert inventory.hosts()["web1"].names == {"web1", "www"}


def test_plugins_groups_and_their_variables_work(tmp_path):
    write(
        tmp_path / "inventory",
        a_hosts="all: {hosts: {web1: {site: north}, web2: {site: south}}}",
        b_constructed="plugin: ansible.builtin.constructed\nstrict: true\n"
        "keyed_groups:\n  - {key: site, prefix: at}\n",
        group_vars__at_north="opsmend_environment: production\n",
    )
    hosts = read(tmp_path).hosts()
    assert "at_north" in hosts["web1"].groups
    assert hosts["web1"].variables == {"opsmend_environment": "production"}
    assert hosts["web2"].variables == {}


def test_a_host_that_is_named_like_a_group_makes_the_group_unsure(tmp_path):
    """Ansible gives its address to every host of the group: the wrong machine would be treated."""
    text = "[web]\nweb1\nweb2\n[spare]\nweb ansible_host=10.0.0.66\nother\n"
    source = tmp_path / "hosts.ini"
    source.write_text(text)
    found = read(tmp_path, source).read()
    assert {name for name, host in found.hosts.items() if not host.identity} == {"web", "web1", "web2"}
    assert any("same name: web" in warning for warning in found.warnings)


def test_a_host_that_is_called_all_hides_nobody(tmp_path):
    source = tmp_path / "hosts.ini"
    source.write_text("[web]\nall\nweb1\n[db]\ndb1\n")
    found = read(tmp_path, source).read()
    assert set(found.hosts) == {"all", "web1", "db1"}
    assert not any(host.identity for host in found.hosts.values())


class TestScripts:
    def script(self, tmp_path, text: str) -> Path:
        file = tmp_path / "cloud.sh"
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)
        return file

    def test_are_judged_by_code_and_json_whatever_they_say_beside(self, tmp_path):
        said = (
            'echo "Unable to parse the cache, ERROR, asking anew" >&2\necho \'{"all": {"hosts": ["web1"]}}\''
        )
        assert set(read(tmp_path, self.script(tmp_path, said)).hosts()) == {"web1"}

    def test_that_fail_are_no_list_of_hosts(self, tmp_path):
        """As INI, this script would be an inventory with a host named 'false'."""
        with pytest.raises(RunError, match="inventory cannot be read"):
            read(tmp_path, self.script(tmp_path, "false")).hosts()

    def test_that_fail_are_not_asked_at_every_turn(self, tmp_path, clock):
        """A dynamic inventory asks other people's servers: an incident that waits must not flood them."""
        asked = tmp_path / "asked"
        file = self.script(tmp_path, f"echo x >> {asked}\nexit 1")
        inventory = read(tmp_path, file, clock=clock)

        def ask():
            with pytest.raises(RunError):
                inventory.hosts()
            return len(asked.read_text().split())

        first = ask()
        assert ask() == first
        clock.move(seconds=20)
        assert ask() > first


def test_a_broken_inventory_is_an_error_and_not_the_old_answer(tmp_path):
    inventory = read(tmp_path, write(tmp_path / "inventory", hosts="all: {hosts: {web1: }}"))
    inventory.hosts()
    write(tmp_path / "inventory", hosts="all: {hosts: [web1\n")
    with pytest.raises(RunError, match=r"hosts\.yml"):
        inventory.hosts()


class TestOfARun:
    """A run has the same inventory, with everything in it as it was: templates, vaults, plain texts."""

    def test_has_all_groups_hosts_and_variables_in_their_order(self, tmp_path):
        site = Site(tmp_path)
        site.hosts("web1", web=["web1", "web2"], balancer=["lb"])
        site.write("inventory/group_vars/web.yml", {"from_where": "inventory, web", "port": 80})
        site.write("inventory/host_vars/lb.yml", {"pool": "{{ groups['web'] | join(' ') }}"})
        site.write("playbooks/mend/group_vars/all.yml", {"from_where": "playbook, all", "more": 1})
        ended = site.play(
            {
                "name": "A",
                "ansible.builtin.assert": {
                    "that": [
                        "hostvars['lb'].pool == 'web1 web2'",
                        "groups['balancer'] == ['lb']",
                        "from_where == 'inventory, web'",
                        "more == 1 and port == 80",
                        "group_names == ['web']",
                        "inventory_dir == '" + str(tmp_path / "inventory") + "'",
                    ]
                },
            }
        )
        assert ended.state is RunState.SUCCEEDED, ended.output

    def test_has_vaults_of_every_id_as_they_are(self, tmp_path):
        site = Site(tmp_path)
        for label in ("dev", "prod"):
            site.write(f"{label}.pass", f"open {label}")
            encrypted = subprocess.run(
                [Path(sys.executable).parent / "ansible-vault", "encrypt_string", "--vault-id",
                 f"{label}@{tmp_path}/{label}.pass", "--encrypt-vault-id", label, f"{label}-7c41",
                 "--name", label],
                capture_output=True, text=True, check=True,
            ).stdout  # fmt: skip
            site.write(f"inventory/group_vars/all/{label}.yml", encrypted)
        site.config.write_text(
            site.config.read_text() + "vault_identity_list = dev@dev.pass, prod@prod.pass\n"
        )
        ended = site.play(
            {"name": "A", "ansible.builtin.assert": {"that": "[dev, prod] == ['dev-7c41', 'prod-7c41']"}},
            {"name": "B", "ansible.builtin.debug": {"msg": "{{ dev }} {{ prod }}"}},
        )
        assert ended.state is RunState.SUCCEEDED, ended.output
        assert "[secret] [secret]" in ended.output
        assert "7c41" not in ended.output + str(site.inventory.hosts())

    def test_reads_as_a_template_only_what_ansible_would(self, tmp_path):
        canary = tmp_path / "canary"
        site = Site(tmp_path)
        site.write(
            "plugins/cloud.py",
            "DOCUMENTATION = '''\nname: cloud\nshort_description: s\noptions: {}\n'''\n"
            "from ansible.plugins.inventory import BaseInventoryPlugin\n"
            "class InventoryModule(BaseInventoryPlugin):\n"
            "    NAME = 'cloud'\n"
            "    def verify_file(self, path): return path.endswith('cloud.yml')\n"
            "    def parse(self, inventory, loader, path, cache=True):\n"
            "        inventory.add_host('web1')\n"
            f"        for key, value in {ELSEWHERE!r}.items(): inventory.set_variable('web1', key, value)\n"
            f"        evil = \"{{{{ lookup('pipe', 'touch {canary}') }}}}\"\n"
            "        inventory.set_variable('web1', 'tag', evil)\n",
        )
        (tmp_path / "inventory" / "hosts.yml").unlink()
        site.write("inventory/cloud.yml", {"plugin": "cloud"})
        config = site.config.read_text() + f"inventory_plugins = {tmp_path}/plugins\n"
        site.config.write_text(config + "[inventory]\nenable_plugins = cloud\n")
        ended = site.play({"name": "D", "ansible.builtin.debug": {"var": "tag"}})
        assert ended.state is RunState.SUCCEEDED, ended.output
        assert not canary.exists()

    def test_is_the_owners_and_gone_with_its_last_user(self, tmp_path):
        inventory = read(tmp_path, write(tmp_path / "inventory", hosts="all: {hosts: {web1: {a: s3cret}}}"))
        kept = inventory.read()
        folder = kept.record.path
        assert folder.stat().st_mode & 0o077 == 0
        assert "s3cret" in json.dumps([file.read_text() for file in folder.rglob("*.json")])
        del kept, inventory
        assert not folder.exists()
