"""Holidays are files beside the rules; a day that is none is refused with its line."""

from datetime import date

import pytest

from agent.config.holidayfile import load_holidays
from agent.errors import ConfigError


def test_the_files_of_all_rule_folders_add_up(tmp_path):
    for name, days in (("stock", "2026-12-25"), ("local", "2026-05-01, name: May Day")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "holidays.yml").write_text(f"holidays:\n  - {{date: {days}}}\n")
    found = load_holidays([tmp_path / "stock", tmp_path / "local", tmp_path])
    assert found == {date(2026, 12, 25), date(2026, 5, 1)}


@pytest.mark.parametrize("day", ["2026-02-30", "25.12.2026", "20261225", "true"])
def test_what_is_no_day_is_refused_with_its_line(tmp_path, day):
    (tmp_path / "holidays.yml").write_text(f"holidays:\n  - date: 2026-12-25\n  - date: {day}\n")
    with pytest.raises(ConfigError, match=r"holidays.yml:3"):
        load_holidays([tmp_path])
