"""A plan and the policy in, the rule that decides over it out; who may do what.

What restricts is asked of any host that a plan touches, companions too, what allows of all; what is not
known of a host gets the strictest answer.
"""

from __future__ import annotations

import grp
import pwd
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Literal

from agent.config.policyfile import Permission, PolicyFile, RemediationRule, Selector, Window, cron_trigger
from agent.config.remediationfile import RemediationFile
from agent.config.settings import Mode
from agent.decide.targets import LOCALHOST
from agent.records import InventoryHost, Person, Plan

_STRICTNESS: Mapping[Mode, int] = {"observe": 0, "approve": 1, "auto": 2}
ENVIRONMENT = "opsmend_environment"


def find_rule(
    policy: PolicyFile, plan: Plan, file: RemediationFile, hosts: Mapping[str, InventoryHost]
) -> RemediationRule | None:
    """Return what the policy allows for a plan; None means that it is forbidden.

    Of each host the first rule that fits counts, and every one before it that may fit; of them all the
    strictest mode, the most approvals, the largest healthy share.
    """
    found: dict[str, RemediationRule] = {}
    for name in plan.touched:
        host = hosts.get(name)
        if host is None and name == LOCALHOST:
            continue  # the agent's own machine, which need not be in the inventory
        rules = list(_rules_for(policy, plan, file, host)) if host is not None else []
        if not rules:
            return None
        found.update((rule.id, rule) for rule in rules)
    return _strictest(list(found.values()))


def find_window(
    policy: PolicyFile,
    plan: Plan,
    file: RemediationFile,
    hosts: Mapping[str, InventoryHost],
    now: datetime,
) -> tuple[Window, datetime] | None:
    """Return the maintenance window that holds a plan longest from now on, and when it ends."""
    ends = [(window, end) for window in policy.windows if (end := ends_at(window, now)) is not None]
    touched = [hosts[name] for name in plan.touched if name in hosts]
    holding = [
        (window, end)
        for window, end in ends
        if any(fits(window.when, plan, file, host) is not False for host in touched)
    ]
    return max(holding, key=lambda one: one[1], default=None)


def ends_at(window: Window, now: datetime) -> datetime | None:
    """Return when a window that is open now ends, or None when it is not open."""
    if window.from_ is not None and window.until is not None:
        return window.until if window.from_ <= now < window.until else None
    assert window.cron is not None
    assert window.duration is not None
    # the window is open when it began less than its duration ago
    began = cron_trigger(window.cron, window.timezone).get_next_fire_time(None, now - window.duration)
    if began is not None and began == now - window.duration:
        began = cron_trigger(window.cron, window.timezone).get_next_fire_time(began, now)
    return began + window.duration if began is not None and began <= now else None


def fits(when: Selector, plan: Plan, file: RemediationFile, host: InventoryHost) -> bool | None:
    """Return whether a selector fits a plan on one of its hosts; None when that is not known."""
    known = (
        (when.remediations is None or plan.remediation in when.remediations)
        and (when.faults is None or plan.fault in when.faults)
        and (when.risk is None or file.risk in when.risk)
        and plan.confidence >= when.confidence
        and (when.hosts is None or any(map(host.is_called, when.hosts)))
        and (when.groups is None or not host.groups.isdisjoint(when.groups))
    )
    if not known or when.environments is None:
        return known
    environment = _environment(host)
    return environment in when.environments if environment is not None else None


def stricter(one: Mode, other: Mode) -> Mode:
    """Return the mode that allows less."""
    return min(one, other, key=lambda mode: _STRICTNESS[mode])


def may(policy: PolicyFile, person: Person, permission: Permission) -> bool:
    """Return whether a person may do something: by name, by a group they are in, or in a role they have."""
    return any(
        permission in role.may
        and (name in person.roles or person.name in role.users or person.groups & set(role.groups))
        for name, role in policy.roles.items()
    )


def groups_of(user: str) -> frozenset[str]:
    """Return the groups of this machine that a user is in."""
    names = {group.gr_name for group in grp.getgrall() if user in group.gr_mem}
    with suppress(KeyError):
        names.add(grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name)
    return frozenset(names)


def _rules_for(
    policy: PolicyFile, plan: Plan, file: RemediationFile, host: InventoryHost
) -> Iterator[RemediationRule]:
    """Yield the first rule that fits a host and those before it that may; nothing where none surely fits."""
    perhaps: list[RemediationRule] = []
    for rule in policy.remediations:
        fitting = fits(rule.when, plan, file, host)
        if fitting is not False:
            perhaps.append(rule)
        if fitting:
            yield from perhaps
            return


def _strictest(rules: list[RemediationRule]) -> RemediationRule:
    strictest = min(rules, key=lambda rule: _STRICTNESS[rule.mode])
    if len(rules) == 1:
        return strictest
    return strictest.model_copy(
        update={
            "id": " and ".join(rule.id for rule in rules),
            "approvals": max(rule.approvals for rule in rules),
            "minimum_healthy": max(rule.minimum_healthy for rule in rules),
            "repeat_interrupted": all(rule.repeat_interrupted for rule in rules),
            "canary": any(rule.canary for rule in rules),
            "harm": _strictest_harm(rules),
        }
    )


def _strictest_harm(rules: list[RemediationRule]) -> Literal["required", "not_required"] | None:
    said = {rule.harm for rule in rules}
    return "required" if "required" in said else None if None in said else "not_required"


def _environment(host: InventoryHost) -> str | None:
    """Return the environment of a host; None when it has none that can be read, so it may be any."""
    value = host.variables.get(ENVIRONMENT)
    if not isinstance(value, str) or not value.strip() or "{{" in value or "{%" in value:
        return None
    return value
