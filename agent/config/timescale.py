"""Waiting times of rules and remediations, multiplied: for demos and tests with fast scrapes.

With a scrape every second instead of every fifteen, a tenth of the waiting sees as many samples.
Time limits of steps are not waiting times and stay.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

from agent.config.conditions import (
    AlertCondition,
    AllOf,
    AnyOf,
    ArrivalCondition,
    Condition,
    ForecastCondition,
    NoneOf,
)
from agent.config.policyfile import PolicyFile
from agent.config.remediationfile import RemediationFile
from agent.config.rulefiles import HarmRule, Rule

AnyRule = TypeVar("AnyRule", Rule, HarmRule)


def scale_rule(rule: AnyRule, factor: float) -> AnyRule:
    """Return a rule whose ``for`` and ``within`` times are multiplied."""
    return rule.model_copy(update={"when": _scale_condition(rule.when, factor)})


def scale_remediation(file: RemediationFile, factor: float) -> RemediationFile:
    """Return a remediation whose settle, hold, within, delay, cooldown and prevents times are multiplied."""

    def scaled(span: timedelta) -> timedelta:
        return span * factor

    verify, limits = file.verify, file.limits
    return file.model_copy(
        update={
            "prevents": {fault: scaled(window) for fault, window in file.prevents.items()},
            "steps": [step.model_copy(update={"delay": scaled(step.delay)}) for step in file.steps],
            "verify": verify.model_copy(
                update={
                    "settle": scaled(verify.settle),
                    "within": scaled(verify.within),
                    "hold": scaled(verify.hold),
                    "relapse": scaled(verify.relapse),
                }
            ),
            "limits": limits.model_copy(update={"cooldown": scaled(limits.cooldown)}),
        }
    )


def scale_policy(policy: PolicyFile, factor: float) -> PolicyFile:
    """Return a policy whose guards look back, and whose requests wait, for multiplied times."""
    guards = policy.guards
    contacts = [one.model_copy(update={"after": one.after * factor}) for one in policy.approval.contacts]
    approval = {"expires": policy.approval.expires * factor, "contacts": contacts}
    return policy.model_copy(
        update={
            "approval": policy.approval.model_copy(update=approval),
            "guards": guards.model_copy(
                update={
                    "storm": guards.storm.model_copy(update={"within": guards.storm.within * factor}),
                    "blast_radius": guards.blast_radius.model_copy(
                        update={"within": guards.blast_radius.within * factor}
                    ),
                    "flapping": guards.flapping.model_copy(
                        update={"within": guards.flapping.within * factor}
                    ),
                    "circuit": guards.circuit.model_copy(update={"reset": guards.circuit.reset * factor}),
                    "canary": guards.canary.model_copy(
                        update={"proved_for": guards.canary.proved_for * factor}
                    ),
                }
            ),
        }
    )


def _scale_condition(condition: Condition, factor: float) -> Condition:
    match condition:
        case AllOf():
            return condition.model_copy(update={"all": [_scale_condition(c, factor) for c in condition.all]})
        case AnyOf():
            return condition.model_copy(update={"any": [_scale_condition(c, factor) for c in condition.any]})
        case NoneOf():
            return condition.model_copy(update={"not_": _scale_condition(condition.not_, factor)})
        case AlertCondition():
            return condition
        case ArrivalCondition() | ForecastCondition():
            return condition.model_copy(update={"within": condition.within * factor})
        case _:
            was = condition.was
            return condition.model_copy(
                update={
                    "for_": condition.for_ * factor if condition.for_ else None,
                    "was": was.model_copy(update={"within": was.within * factor}) if was else None,
                }
            )
