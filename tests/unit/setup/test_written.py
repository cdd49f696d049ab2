"""What init writes: settings that load, an inventory, a playbook with the least rights."""

from pathlib import Path

import pytest
import yaml

from agent.config import load_settings
from agent.setup.naming import Naming
from agent.setup.written import Answers, Places, inventory_text, preparation_text, settings_text

KEY = "ssh-ed25519 AAAAC3Nz opsmend@ops"


def answers(**more):
    return Answers(
        **{"prometheus": "http://prom:9090", "inventory": Path("/srv/inv"), "login": "opsmend", **more}
    )


@pytest.fixture
def loaded(tmp_path):
    def load(given, places=None):
        file = tmp_path / "opsmend.yml"
        file.write_text(settings_text(given, places or Places(folder=Path("/etc/opsmend"))))
        return load_settings(file, {})

    return load


def test_the_settings_load_and_only_observe(loaded):
    settings = loaded(answers())
    assert settings.agent.mode == "observe"
    assert settings.collect.prometheus.url == "http://prom:9090"
    assert settings.paths.inventory == (Path("/srv/inv"), Path("/etc/opsmend/inventory"))


def test_every_answer_is_in_the_settings(loaded, tmp_path):
    files = {name: Path(f"/etc/opsmend/{name}") for name in ("token", "ca", "vault", "oncall.url")}
    settings = loaded(
        answers(
            token_file=files["token"], ca_file=files["ca"], vault_password_file=files["vault"],
            notify_file=files["oncall.url"],
        ),
        Places(folder=tmp_path, state=tmp_path / "state", runtime=tmp_path / "run"),
    )  # fmt: skip
    assert settings.collect.prometheus.token_file == files["token"]
    assert settings.collect.prometheus.ca_file == files["ca"]
    assert settings.remediate.vault_password_file == files["vault"]
    assert settings.notify.targets["oncall"].url_file == files["oncall.url"]
    assert settings.notify.escalate_to == ["oncall"]
    assert settings.agent.state_dir == tmp_path / "state"


@pytest.mark.parametrize("odd", ["http://x/'\"", "http://[::1]:9090/a: b", "http://prom/%7B%7D{}"])
def test_odd_values_stay_values(odd, tmp_path):
    text = settings_text(answers(prometheus=odd), Places(folder=tmp_path))
    assert yaml.safe_load(text)["collect"]["prometheus"]["url"] == odd


def test_the_inventory_is_added_to_and_not_repeated():
    naming = Naming(called={"app1": ("app1.example.test",)}, suffixes=("example.test",))
    added = yaml.safe_load(inventory_text(answers(), naming))
    assert added == {"all": {"vars": {"ansible_user": "opsmend", "opsmend_host_suffixes": ["example.test"]}}}
    made = yaml.safe_load(inventory_text(answers(inventory=None, login=None), naming))
    assert made["all"]["hosts"] == {"app1": None}


def test_the_preparation_has_the_key_and_leaves_exporters_to_who_wants_them():
    stock = Path("/usr/share/opsmend")
    (play,) = yaml.safe_load(preparation_text(answers(), KEY, ["192.0.2.1"], stock, exporters=False))
    (role,) = play["roles"]
    assert role["agent_login_public_key"] == KEY
    assert role["agent_login_from"] == ["192.0.2.1"]
    (play,) = yaml.safe_load(preparation_text(answers(), KEY, [], stock, exporters=True))
    assert [Path(one["role"]).name for one in play["roles"]] == ["agent_login", "exporters", "host_metrics"]
