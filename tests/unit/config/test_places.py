"""Every path of the settings is resolved once, by its type; what is checked is what is used."""

import os
from pathlib import Path

import pytest
from pydantic import BaseModel

from agent.config import check_files, load_settings
from agent.config.settings import Settings

EVERYTHING = """
agent: {state_dir: state, runtime_dir: run}
paths: {rules: rules, playbooks: [a, b], inventory: hosts}
collect:
  prometheus: {url: "https://p", token_file: prom.token, ca_file: ca.pem}
  search: {url: "https://s", username: u, password_file: search.password}
  kafka: {brokers: "k:9092", protocol: SASL_SSL, username: u, password_file: kafka.password}
diagnose: {classifier: model.skops}
remediate: {vault_password_file: vault}
api: {tokens_file: tokens.yml}
notify:
  targets: {oncall: {url_file: oncall.url}}
  alertmanager: {url: "https://a", token_file: am.token}
"""


def paths(section: BaseModel) -> list[Path]:
    found: list[Path] = []
    for name in type(section).model_fields:
        value = getattr(section, name)
        for one in value.values() if isinstance(value, dict) else (value,):
            if isinstance(one, BaseModel):
                found += paths(one)
        found += [one for one in (value if isinstance(value, tuple) else (value,)) if isinstance(one, Path)]
    return found


@pytest.fixture
def loaded(tmp_path):
    file = tmp_path / "etc" / "opsmend.yml"
    file.parent.mkdir()
    file.write_text(EVERYTHING)
    secrets = tmp_path / "credentials"
    secrets.mkdir()
    (secrets / "am.token").write_text("x")
    (secrets / "oncall.url").write_text("x")
    return load_settings(file, {"CREDENTIALS_DIRECTORY": str(secrets)}), file, secrets


def test_no_path_is_left_relative(loaded):
    settings = loaded[0]
    assert [path for path in paths(settings) if not path.is_absolute()] == []
    assert len(paths(settings)) >= 13


def test_secrets_come_from_systemd_first_and_then_from_beside_the_settings(loaded):
    settings, file, secrets = loaded
    assert settings.notify.alertmanager.token_file == secrets / "am.token"
    assert settings.notify.targets["oncall"].url_file == secrets / "oncall.url"
    assert settings.collect.prometheus.token_file == file.parent / "prom.token"
    assert settings.diagnose.classifier == file.parent / "model.skops"


def test_every_file_that_cannot_be_read_is_named_by_its_key(loaded):
    settings, file, _ = loaded
    keys = {problem.key for problem in check_files(settings, file)}
    assert keys == {
        "collect.prometheus.token_file",
        "collect.prometheus.ca_file",
        "collect.search.password_file",
        "collect.kafka.password_file",
        "diagnose.classifier",
        "api.tokens_file",
    }


def test_a_path_given_by_the_environment_is_resolved_the_same_way(loaded, tmp_path):
    _, file, secrets = loaded
    environment = {"CREDENTIALS_DIRECTORY": str(secrets), "OPSMEND_API__TOKENS_FILE": "am.token"}
    assert load_settings(file, environment).api.tokens_file == secrets / "am.token"
    assert os.sep in str(Settings().agent.state_dir)
