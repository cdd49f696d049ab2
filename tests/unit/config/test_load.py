"""Settings: file, environment, checks."""

from pathlib import Path

import pytest

from agent.config import check_settings, load_settings
from agent.errors import ConfigError

BAD = sorted((Path(__file__).parents[2] / "data" / "config").glob("*.yml"))


def write(folder: Path, text: str) -> Path:
    file = folder / "opsmend.yml"
    file.write_text(text)
    return file


def test_an_empty_file_means_the_defaults(tmp_path):
    settings = load_settings(write(tmp_path, ""), {})
    assert settings.agent.mode == "approve"
    assert settings.collect.poll.total_seconds() == 15


def test_the_environment_overrides_the_file(tmp_path):
    file = write(tmp_path, "collect: {poll: 30s}\n")
    settings = load_settings(file, {"OPSMEND_COLLECT__POLL": "5s", "OPSMEND_AGENT__MODE": "observe"})
    assert (settings.collect.poll.total_seconds(), settings.agent.mode) == (5, "observe")


def test_a_mistake_in_the_environment_names_the_variable(tmp_path):
    with pytest.raises(ConfigError, match="environment OPSMEND_COLLECT__POLL"):
        load_settings(write(tmp_path, ""), {"OPSMEND_COLLECT__POLL": "5"})


def test_relative_paths_count_from_the_folder_of_the_file(tmp_path):
    settings = load_settings(write(tmp_path, "paths: {rules: rules}\nagent: {state_dir: state}\n"), {})
    assert settings.paths.rules == (tmp_path / "rules",)
    assert settings.database == tmp_path / "state" / "opsmend.db"


def test_secrets_of_sources_are_in_the_credentials_folder_or_beside_the_file(tmp_path):
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "token").write_text("t")
    search = "search: {url: http://a, token_file: t}"
    file = write(tmp_path, f"collect: {{prometheus: {{token_file: token, ca_file: ca.crt}}, {search}}}\n")
    collect = load_settings(file, {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}).collect
    assert collect.prometheus.token_file == tmp_path / "credentials" / "token"
    assert collect.prometheus.ca_file == tmp_path / "ca.crt"
    assert collect.search.token_file == tmp_path / "t"


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match="--config FILE"):
        load_settings(tmp_path / "none.yml", {})


def test_what_does_not_fit_the_machine_is_named(tmp_path):
    file = write(tmp_path, "paths: {rules: nowhere, playbooks: [.], inventory: .}\nagent: {state_dir: s}\n")
    problems = [problem.key for problem in check_settings(load_settings(file, {}), file)]
    assert "paths.rules" in problems


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("file/state", "cannot be made: {here}/file is no folder"),
        ("file", "{here}/file is no folder"),
        ("link", "{here}/link is a link to what does not exist"),
    ],
)
def test_a_state_folder_that_cannot_be_made_is_told_and_why(tmp_path, folder, why):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "unmounted")
    file = write(tmp_path, f"agent: {{state_dir: {tmp_path / folder}}}\n")
    told = {one.key: one.message for one in check_settings(load_settings(file, {}), file)}
    assert why.format(here=tmp_path) in told["agent.state_dir"]
    others = [one.key for one in check_settings(load_settings(file, {}), file, as_agent=False)]
    assert "agent.state_dir" not in others


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_each_bad_settings_file_gives_the_error_it_promises(file):
    """The first line of each file says what the error must contain."""
    wanted = file.read_text().splitlines()[0].removeprefix("# ")
    with pytest.raises(ConfigError) as caught:
        load_settings(file, {})
    assert wanted in str(caught.value)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ("[magic]", "there is no model 'magic'"),
        ("[nearest, nearest]", "names a model twice"),
        ("[]", "must not be empty"),
    ],
)
def test_models_that_are_none_are_refused(tmp_path, members, why):
    file = tmp_path / "opsmend.yml"
    file.write_text(f"detect:\n  models:\n    members: {members}\n")
    with pytest.raises(ConfigError, match=why):
        load_settings(file, {})
