"""Settings by key: where each value comes from, and what differs between two."""

import pytest

from agent.config import Settings, load_settings
from agent.config.effective import LIVE, changed_keys, explain, flatten, is_under, overlay


@pytest.fixture
def file(tmp_path):
    made = tmp_path / "opsmend.yml"
    made.write_text(
        "agent:\n  mode: auto\ncollect:\n  poll: 30s\n  search: {url: 'http://logs:9200'}\n"
        "notify:\n  targets:\n    oncall: {url_file: /etc/oncall.url}\n"
    )
    return made


def test_each_value_says_where_it_comes_from(file):
    environment = {"OPSMEND_COLLECT__POLL": "5s", "OPSMEND_COLLECT__PROMETHEUS": "{url: 'http://p:9090'}"}
    found = {one.key: (one.value, one.origin) for one in explain(file, environment)}
    assert found["agent.mode"] == ("auto", f"{file}:2")
    assert found["agent.log_level"] == ("info", "default")
    assert found["collect.poll"] == ("5s", "environment OPSMEND_COLLECT__POLL")
    assert found["collect.prometheus.url"] == ("http://p:9090", "environment OPSMEND_COLLECT__PROMETHEUS")
    assert found["collect.search.url"] == ("http://logs:9200", f"{file}:5")
    assert found["collect.search.every"] == ("30s", "default")
    assert found["notify.targets.oncall.url_file"] == ("/etc/oncall.url", f"{file}:8")


def test_every_value_can_be_read_back_as_it_is_written():
    assert Settings.model_validate(Settings().model_dump(by_alias=True)) == Settings()
    assert flatten(Settings())["collect.poll"] == "15s"


def test_what_differs_is_named_by_its_key(file):
    old, new = Settings(), load_settings(file, {})
    found = changed_keys(old, new)
    assert {"agent.mode", "collect.poll", "collect.search.url", "notify.targets.oncall.url_file"} <= set(
        found
    )
    assert "agent.log_level" not in found


def test_an_overlay_takes_what_may_change_and_nothing_else(file):
    old, new = Settings(), load_settings(file, {})
    mixed = overlay(old, new, LIVE)
    assert (mixed.agent.mode, list(mixed.notify.targets)) == ("auto", ["oncall"])
    assert (mixed.collect.poll, mixed.collect.search) == (old.collect.poll, None)
    assert not [key for key in changed_keys(mixed, new) if is_under(key, LIVE)]


def test_what_may_change_are_settings_that_there_are():
    known = flatten(Settings())
    assert [one for one in LIVE if not any(is_under(key, [one]) for key in known)] == []
