"""Which rules and playbooks a command works with."""

from pathlib import Path

import pytest

from agent.config.stock import stock_folder
from agent.errors import ConfigError, RefusedError
from agent.workshop.places import Places, find_places


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to stand in, with the folders of a checkout and others."""
    for name in ("rules", "playbooks", "mine", "etc/rules", "etc/playbooks"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "rules" / "faults.yml").write_text("faults: []\n")
    (tmp_path / "etc" / "opsmend.yml").write_text("paths: {rules: rules, playbooks: playbooks}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_in_a_checkout_its_own_folders_are_taken(here):
    assert find_places(None) == Places(rules=(Path("rules"),), playbooks=(Path("playbooks"),))


def test_settings_that_were_named_win_over_the_checkout(here, monkeypatch):
    named = find_places(here / "etc" / "opsmend.yml")
    monkeypatch.setenv("OPSMEND_CONFIG", str(here / "etc" / "opsmend.yml"))
    assert named == find_places(None)
    assert list(named.rules) == [here / "etc" / "rules"]


def test_folders_that_were_named_win_over_all(here):
    found = find_places(here / "etc" / "opsmend.yml", [Path("mine")])
    assert list(found.rules) == [Path("mine")]
    assert list(found.playbooks) == [here / "etc" / "playbooks"]


def test_a_folder_that_is_not_there_is_named(here):
    with pytest.raises(ConfigError, match="nowhere: is no folder"):
        find_places(None, [Path("nowhere")], [Path("playbooks")])


def test_an_authors_roles_come_before_the_stock_ones_and_scenarios_share_the_stock_folder(here):
    (here / "playbooks" / "molecule").mkdir()
    places = Places(rules=[], playbooks=[here / "playbooks", here / "mine"])
    assert places.roles == [here / "mine" / "roles", here / "playbooks" / "roles"]
    assert places.shared == here / "playbooks" / "molecule"


def test_without_the_stock_scenarios_the_way_out_is_told(here):
    with pytest.raises(ConfigError, match="add the stock playbooks' folder first"):
        _ = Places(rules=[], playbooks=[here / "mine"]).shared


def test_a_draft_goes_to_the_folder_that_was_named_last(here):
    named = find_places(None, [Path("rules")], [Path("playbooks"), Path("mine")])
    assert (named.rules_for_drafts, named.playbooks_for_drafts) == (Path("rules"), Path("mine"))


def test_a_draft_goes_to_the_last_folder_of_the_settings_that_is_not_stock(here):
    stock = stock_folder() / "playbooks"
    (here / "etc" / "opsmend.yml").write_text(f"paths: {{rules: rules, playbooks: [playbooks, {stock}]}}\n")
    found = find_places(here / "etc" / "opsmend.yml")
    assert (found.rules_for_drafts, found.playbooks_for_drafts) == (
        here / "etc" / "rules",
        here / "etc" / "playbooks",
    )


def test_no_draft_goes_among_stock_files_that_nobody_named(here):
    """Neither in a checkout, nor where a link of somebody's leads there."""
    with pytest.raises(RefusedError, match="--playbooks /etc/opsmend/playbooks"):
        _ = find_places(None).playbooks_for_drafts
    with pytest.raises(RefusedError, match="--rules /etc/opsmend/rules"):
        _ = find_places(None).rules_for_drafts
    (here / "etc" / "link").symlink_to(stock_folder() / "playbooks")
    (here / "etc" / "opsmend.yml").write_text("paths: {rules: rules, playbooks: link}\n")
    with pytest.raises(RefusedError, match=r"add it to paths\.playbooks"):
        _ = find_places(here / "etc" / "opsmend.yml").playbooks_for_drafts
