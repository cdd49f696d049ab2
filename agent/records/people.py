"""Who people are, what they asked for and said: requests to run, requests for approval, votes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from agent.records.decisions import Plan


@dataclass(frozen=True, slots=True)
class Person:
    """Who does something, as far as this machine or a token can tell. ``roles`` are given by a token.

    ``told_apart`` is False where several people may stand behind the name, such as root when nothing
    tells who became root: two of them, or one and anybody else, may be the same person.
    """

    name: str
    groups: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    told_apart: bool = True

    def may_be(self, other: Person) -> bool:
        """Return whether the two may be one person."""
        return self.name == other.name or not (self.told_apart and other.told_apart)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalVote:
    """What one person said."""

    person: Person
    yes: bool
    comment: str
    at: datetime


def count_voices(
    votes: Iterable[ApprovalVote], entitled: Callable[[Person], bool] = lambda person: True
) -> int:
    """Return how many different people certainly said yes, of those who are entitled to."""
    yes = [vote.person for vote in votes if vote.yes and entitled(vote.person)]
    told_apart = {person.name for person in yes if person.told_apart}
    return max(len(told_apart), min(len(yes), 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """A person asks to run a remediation for an incident.

    ``state`` is open, then started (``run_id`` says which run), refused, expired or withdrawn, and
    ``answer`` says why.
    """

    id: int
    incident_id: int
    remediation: str
    person: Person
    at: datetime
    comment: str = ""
    override_cooldown: bool = False
    state: str = "open"
    answer: str = ""
    answered_at: datetime | None = None
    run_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One request for approval of one plan, and the right that it became.

    ``state`` is pending, approved, used (by ``run_id``), denied, expired (nobody answered in time), lapsed
    (the right was not used in time) or withdrawn. ``needed`` is how many people had to say yes when it was
    asked; how many must have is asked of the policy once more when the right is used. ``request_id``
    names the request to run that it is for, None where the agent asks by itself. ``preview`` is what
    Ansible's check mode would do.
    """

    id: int
    incident_id: int
    state: str
    plan: Plan
    needed: int
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    votes: tuple[ApprovalVote, ...]
    preview: str | None
    request_id: int | None = None
    run_id: int | None = None

    @property
    def said(self) -> str:
        """Return who decided, and why, in one line."""
        return "; ".join(f"{vote.person.name}: {vote.comment}".rstrip(": ") for vote in self.votes)
