"""Who checks by hand sees the secrets that systemd will hand to the agent."""

import os

import pytest

from agent.check.credentials import lay_out_credentials, unit_credentials
from agent.config import load_settings


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    """Let a unit name files for the agent; what it says is what ``systemctl show`` prints."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "systemctl"
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    def says(text):
        program.write_text(f"#!/bin/sh\necho '{text}'\n")
        program.chmod(0o755)

    return says


def test_files_of_the_unit_are_found_by_their_names(systemd, tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("prometheus-secret")
    (tmp_path / "laid").mkdir()
    systemd(
        f"LoadCredential=prom.token:{tmp_path}/secret gone:{tmp_path}/gone odd/name:{tmp_path}/secret nothing"
    )
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "")  # so that it is taken back afterwards
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    lay_out_credentials(tmp_path / "laid", None)
    config = tmp_path / "opsmend.yml"
    config.write_text("collect: {prometheus: {url: 'http://127.0.0.1:1', token_file: prom.token}}")
    found = load_settings(config).collect.prometheus.token_file
    assert found == tmp_path / "laid" / "prom.token"
    assert found.read_text() == "prometheus-secret"
    assert found.stat().st_mode & 0o077 == 0
    assert [one.name for one in (tmp_path / "laid").iterdir()] == ["prom.token"]


def test_without_systemd_there_are_none(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert unit_credentials() == {}
