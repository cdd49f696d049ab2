"""``rules/holidays.yml``: days on which people rest though they are no weekend."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from agent.config.scalars import Text
from agent.config.yamlfile import Strict, read_yaml, validate
from agent.errors import ConfigError, Problem, gathering

FILE = "holidays.yml"


def _to_date(value: object) -> object:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"'{value}' is no day; write year, month and day, such as 2026-12-25") from error
    return value


class Holiday(Strict):
    """One day, in local time."""

    date: Annotated[date, BeforeValidator(_to_date)]
    name: Text = Field(default="holiday", description="what people call it")


class HolidayFile(Strict):
    """``rules/holidays.yml``."""

    holidays: list[Holiday]


def load_holidays(folders: Iterable[Path]) -> frozenset[date]:
    """Read the files of the rule folders, which add up.

    Raises ConfigError with every problem found in any file.
    """
    found: set[date] = set()
    problems: list[Problem] = []
    for folder in folders:
        file = folder / FILE
        if not file.is_file():
            continue
        with gathering(problems):
            found |= {one.date for one in validate(HolidayFile, read_yaml(file)).holidays}
    if problems:
        raise ConfigError(problems)
    return frozenset(found)
