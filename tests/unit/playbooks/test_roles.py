"""What roles say of themselves."""

from pathlib import Path

import pytest
import yaml

ROLES = Path(__file__).parents[3] / "playbooks" / "roles"
WITH_TASKS = sorted(folder.parent.name for folder in ROLES.glob("*/tasks"))


def read(role: str, file: str) -> dict:
    path = ROLES / role / file
    return (yaml.safe_load(path.read_text()) or {}) if path.is_file() else {}


def options_of(role: str) -> dict:
    entries = read(role, "meta/argument_specs.yml")["argument_specs"]
    return {
        name: option for entry in entries.values() for name, option in (entry.get("options") or {}).items()
    }


@pytest.mark.parametrize("role", WITH_TASKS)
def test_every_variable_of_a_role_is_described_and_has_a_default_or_is_required(role):
    options, defaults = options_of(role), read(role, "defaults/main.yml")
    assert defaults.keys() - options.keys() == set()
    assert {name for name, option in options.items() if not option.get("required")} == defaults.keys()


@pytest.mark.parametrize("role", WITH_TASKS)
def test_the_default_that_is_described_is_the_one_that_is_taken(role):
    options, defaults = options_of(role), read(role, "defaults/main.yml")
    plain = {name: value for name, value in defaults.items() if "{{" not in str(value)}
    said = {name: options[name]["default"] for name in plain if "default" in options[name]}
    assert said == {name: plain[name] for name in said}


def test_no_role_uses_a_shell():
    tasks = [task for file in ROLES.glob("*/tasks/*.yml") for task in yaml.safe_load(file.read_text())]
    assert [task for task in tasks if task.keys() & {"ansible.builtin.shell", "ansible.builtin.raw"}] == []
