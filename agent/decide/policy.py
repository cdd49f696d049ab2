"""A plan and the policy in, the rule that decides over it out; who may do what."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import datetime

from agent.config.policyfile import Permission, PolicyFile, RemediationRule, Selector, Window, cron_trigger
from agent.config.remediationfile import RemediationFile
from agent.config.settings import Mode
from agent.records import InventoryHost, Plan

_STRICTNESS: Mapping[Mode, int] = {"observe": 0, "approve": 1, "auto": 2}
ENVIRONMENT = "opsmend_environment"


def find_rule(
    policy: PolicyFile, plan: Plan, file: RemediationFile, hosts: Mapping[str, InventoryHost]
) -> RemediationRule | None:
    """Return the first rule that fits a plan; None means that it is forbidden."""
    for rule in policy.remediations:
        if fits(rule.when, plan, file, hosts):
            return rule
    return None


def find_window(
    policy: PolicyFile,
    plan: Plan,
    file: RemediationFile,
    hosts: Mapping[str, InventoryHost],
    now: datetime,
) -> tuple[Window, datetime] | None:
    """Return the maintenance window that holds a plan now, and when it ends."""
    for window in policy.windows:
        end = ends_at(window, now)
        if end is not None and fits(window.when, plan, file, hosts):
            return window, end
    return None


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


def fits(when: Selector, plan: Plan, file: RemediationFile, hosts: Mapping[str, InventoryHost]) -> bool:
    """Return whether a selector fits a plan: on every one of its hosts, where it asks for hosts."""
    targets = [hosts[name] for name in plan.hosts]
    return (
        (when.remediations is None or plan.remediation in when.remediations)
        and (when.faults is None or plan.fault in when.faults)
        and (when.risk is None or file.risk in when.risk)
        and plan.confidence >= when.confidence
        and (when.hosts is None or all(host.name in when.hosts for host in targets))
        and (when.groups is None or all(host.groups & set(when.groups) for host in targets))
        and (
            when.environments is None
            or all(host.variables.get(ENVIRONMENT) in when.environments for host in targets)
        )
    )


def stricter(one: Mode, other: Mode) -> Mode:
    """Return the mode that allows less."""
    return min(one, other, key=lambda mode: _STRICTNESS[mode])


def may(
    policy: PolicyFile,
    user: str,
    groups: Iterable[str],
    permission: Permission,
    roles: Collection[str] = (),
) -> bool:
    """Return whether a person may do something: by name, by a group they are in, or in a role they have."""
    theirs = set(groups)
    return any(
        permission in role.may and (name in roles or user in role.users or theirs & set(role.groups))
        for name, role in policy.roles.items()
    )


def groups_of(user: str) -> frozenset[str]:
    """Return the groups of this machine that a user is in."""
    names = {group.gr_name for group in grp.getgrall() if user in group.gr_mem}
    with suppress(KeyError):
        names.add(grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name)
    return frozenset(names)
