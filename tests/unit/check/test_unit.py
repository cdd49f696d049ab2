"""What the unit hides is told before the agent is started, by whomever it is looked at."""

import os

import pytest

from agent.check.unit import check_unit
from agent.config import load_settings
from agent.config.runtimefolder import DEFAULT_FILE

STOCK = (
    "LoadState=loaded ProtectSystem=strict ProtectHome=yes PrivateTmp=yes "
    "StateDirectory=opsmend RuntimeDirectory=opsmend"
)


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Return the keys of what is wrong with settings under a unit with some properties."""
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)

    def of(text, unit=STOCK, file=DEFAULT_FILE):
        program.write_text("#!/bin/sh\n" + "".join(f"echo '{one}'\n" for one in unit.split()))
        program.chmod(0o755)
        written = tmp_path / "opsmend.yml"
        written.write_text(text)
        return [problem.key for problem in check_unit(load_settings(written, {}), file)]

    return of


def test_the_usual_places_are_good(told):
    assert told("agent: {mode: observe}") == []


def test_a_state_folder_is_read_only_unless_the_unit_is_told(told):
    moved = "agent: {state_dir: /srv/opsmend}"
    assert told(moved) == ["agent.state_dir"]
    assert told(moved, f"{STOCK} ReadWritePaths=-/srv/opsmend") == []
    assert told(moved, STOCK.replace("strict", "full")) == []


@pytest.mark.parametrize("place", ["/home/ann/hosts.yml", "/root/hosts.yml", "/tmp/hosts.yml"])
def test_what_the_unit_hides_is_told(told, place):
    text = f"paths: {{inventory: {place}}}"
    assert told(text) == ["paths.inventory"]
    assert told(text, f"{STOCK} BindReadOnlyPaths={place}:{place}:rbind") == []


def test_where_it_is_not_the_units_agent_nothing_is_told(told, tmp_path):
    moved = "agent: {state_dir: /srv/opsmend}"
    assert told(moved, file=tmp_path / "opsmend.yml") == []
    assert told(moved, "LoadState=not-found ProtectSystem=strict") == []
    assert told(moved, "") == []
