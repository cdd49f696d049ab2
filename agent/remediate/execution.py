"""What is to be run where, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from agent.reasons import Reason
from agent.records import ParameterValue, RunState
from agent.remediate.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """Whom an execution may touch. ``identities`` is which machine each name was when that was decided."""

    targets: Sequence[str]
    companions: Sequence[str] = ()
    identities: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Return all of them."""
        return (*self.targets, *self.companions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One playbook to be run. ``mark`` is put into the environment of all it starts, on every host.

    ``parameters`` come from outside and are data for Ansible, never templates; ``variables`` are our own.
    ``playbooks`` are all of the run, looked at before the first of them begins.
    """

    mark: str
    step: str
    snapshot: Snapshot
    playbook: str
    hosts: Hosts
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    timeout: timedelta
    check: bool = False
    playbooks: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an execution ended. ``unreachable`` are hosts that did not answer."""

    state: RunState
    reason: Reason
    detail: str = ""
    output: str = ""
    changed: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
