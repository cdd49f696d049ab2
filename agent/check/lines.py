"""What a check found, a line each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How a thing is: as it should be, missing at a cost that is named, or wrong and to be mended."""

    GOOD = "good"
    MISSING = "missing"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at, how it is, and what to do or what it costs."""

    what: str
    level: Level
    text: str


def good(what: str, text: str) -> Line:
    """Return a line of something that is as it should be."""
    return Line(what, Level.GOOD, text)


def missing(what: str, text: str) -> Line:
    """Return a line of something that one may do without, and that would help."""
    return Line(what, Level.MISSING, text)


def wrong(what: str, text: str) -> Line:
    """Return a line of something that must be mended."""
    return Line(what, Level.WRONG, text)
