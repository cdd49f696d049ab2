"""Changes of a remediation's files that its figures suggest, for people: never made by the agent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """One value in one file of a remediation's folder, at a path of keys and numbers."""

    file: str
    path: tuple[str | int, ...]
    value: str | int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedChange:
    """What would be changed, in words and as edits, and the figures that speak for it."""

    what: str
    why: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoChange:
    """Something that could be better, and why no change is suggested for it."""

    about: str
    why: str
