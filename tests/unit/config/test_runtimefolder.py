"""Where the agent can be asked, read from the settings without reading all of them."""

from pathlib import Path

import pytest

from agent.config import load_settings
from agent.config.runtimefolder import find_runtime_folder
from agent.errors import ConfigError


@pytest.fixture
def file(tmp_path):
    return tmp_path / "opsmend.yml"


@pytest.mark.parametrize(
    "text",
    [
        "agent: {runtime_dir: /run/other}\n",
        "agent: {runtime_dir: run}\n",
        "agent:\n  name: x\n",
        "collect: {poll: 30s}\n",
        "",
    ],
)
def test_it_is_what_the_settings_say(file, text):
    file.write_text(text)
    assert find_runtime_folder(file, {}) == load_settings(file, {}).agent.runtime_dir


def test_the_environment_counts(file):
    file.write_text("agent: {runtime_dir: /run/other}\n")
    variables = {"OPSMEND_CONFIG": str(file), "OPSMEND_AGENT__RUNTIME_DIR": "/run/third"}
    assert find_runtime_folder(None, variables) == Path("/run/third")


@pytest.mark.parametrize(
    "text", ["agent: [", "agent: {runtime_dir: [1]}\n", "\x00", "agent: {runtime_dir: ''}\n"]
)
def test_a_mistake_is_said_as_everywhere(file, text):
    file.write_text(text)
    if "''" in text:
        assert find_runtime_folder(file, {}) == load_settings(file, {}).agent.runtime_dir
    else:
        with pytest.raises(ConfigError):
            find_runtime_folder(file, {})


def test_a_file_that_is_not_there_is_named(file):
    with pytest.raises(ConfigError, match="does not exist"):
        find_runtime_folder(file, {})
