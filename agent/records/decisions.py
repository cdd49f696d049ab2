"""Plans, and the five answers to the question whether one may be carried out now."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agent.reasons import Reason

ParameterValue = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A remediation made concrete: which, where, with what. Nothing in it is a template any more.

    ``digest`` is that of the remediation's files, ``rules_digest`` that of the rules that led to it.
    ``companions`` are hosts that it may touch beside its targets. ``identities`` says which machine each
    of them is: two names of one machine are one. ``names`` is everything they are called, ``groups`` the
    groups of the inventory that any is in.
    """

    remediation: str
    digest: str
    fault: str
    entity: str
    confidence: float
    hosts: tuple[str, ...]
    parameters: Mapping[str, ParameterValue]
    labels: Mapping[str, str]
    rules_digest: str = ""
    companions: tuple[str, ...] = ()
    identities: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def touched(self) -> tuple[str, ...]:
        """Return the names of all hosts that it may touch."""
        return (*self.hosts, *self.companions)

    @property
    def machines(self) -> tuple[str, ...]:
        """Return the machines that it may touch, by what stands for them in locks and limits."""
        return tuple(sorted({self.machine(name) for name in self.touched}))

    def machine(self, host: str) -> str:
        """Return the machine that a host is; of an older plan its name."""
        return self.identities.get(host, host)

    @property
    def subject(self) -> str:
        """Return what of its machine the plan is about; see ``subject_of``."""
        return subject_of(self.entity, {*self.touched, *self.names})


def subject_of(entity: str, names: Collection[str]) -> str:
    """Return an entity without what its machine is called: under another name it is the same thing.

    >>> subject_of("WEB1.lan:9100:/var", ["web1", "web1.lan"]), subject_of("www:9100:/var", ["www"])
    (':9100:/var', ':9100:/var')
    """
    known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True) if name)
    return re.sub(rf"(?i)(?<![\w.-])(?:{known})\.?(?![\w.-])", "", entity) if known else entity


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A remediation that fits, with the score it was ranked by and what that rests on."""

    remediation: str
    score: float
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """The remediation does not fit what was diagnosed; another one may."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotNow:
    """It would be done, but not yet: for a reason that passes, at ``until`` where that is known.

    Nothing else is done instead of it.
    """

    reason: Reason
    detail: str = ""
    until: datetime | None = None
    plan: Plan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forbidden:
    """It must not be done, by the policy or because it does not cure: people have to see to it."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """It may be done once ``voices`` people have said yes."""

    reason: Reason
    plan: Plan
    voices: int = 1
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proceed:
    """It may be done now."""

    reason: Reason
    plan: Plan
    detail: str = ""


Answer = Unfit | NotNow | Forbidden | Ask | Proceed


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do about an incident now, and all remediations that fit, the best first."""

    answer: Answer
    options: tuple[Option, ...] = ()
