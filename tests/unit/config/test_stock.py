"""Where stock rules and playbooks are found without any settings."""

from agent.config import Settings, load_rules
from agent.config.stock import default_folders, stock_folder


def test_a_checkout_is_its_own_stock(root):
    assert stock_folder() == root
    assert default_folders("rules")[0] == root / "rules"


def test_a_wheel_carries_its_stock(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "agent"
    (package / "stock" / "rules").mkdir(parents=True)
    monkeypatch.setattr("agent.config.stock._PACKAGE", package)
    assert stock_folder() == package / "stock"


def test_a_package_that_links_its_stock_is_told_by_the_place_itself(tmp_path, monkeypatch):
    share, package = tmp_path / "share", tmp_path / "agent"
    share.mkdir()
    package.mkdir()
    (package / "stock").symlink_to(share)
    monkeypatch.setattr("agent.config.stock._PACKAGE", package)
    assert stock_folder() == share


def test_local_folders_count_once_they_are_there(tmp_path, monkeypatch):
    monkeypatch.setattr("agent.config.stock.LOCAL", tmp_path)
    assert tmp_path / "rules" not in default_folders("rules")
    (tmp_path / "rules").mkdir()
    assert default_folders("rules")[-1] == tmp_path / "rules"


def test_without_any_setting_the_stock_rules_are_read():
    assert load_rules(Settings().paths.rules).faults
