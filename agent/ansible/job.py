"""What a run may do, as the agent wrote it, in; what happened that no event of Ansible tells, out.

The report is a file with one JSON object a line. Workers of Ansible write it too: each line is one write.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from agent.ansible.toldtemplates import ToldTemplates
from agent.ansible.where import Where

JOB_VARIABLE = "OPSMEND_JOB"


@dataclass(frozen=True, kw_only=True)
class Job:
    """The limits of one execution of ansible-playbook.

    ``mark`` goes into the environment of everything that is started, ``seconds`` is how long a command on a
    host may take. ``playbooks`` are all of the run, to be looked at before the first task; ``roots`` are the
    folders that hold what may be executed, ``approved`` those of them that authors wrote. ``vaulted`` are
    files in them that hold something encrypted. ``names`` are of all hosts and groups of the inventory.
    """

    mark: str
    seconds: int
    targets: Sequence[str]
    companions: Sequence[str]
    where: Sequence[Where]
    playbooks: Sequence[str]
    roots: Sequence[str]
    approved: Sequence[str]
    vaulted: Sequence[str]
    report: str
    secret_names: str
    names: frozenset[str]

    @property
    def reachable(self) -> frozenset[str]:
        """Return the names of all hosts that the run may touch."""
        return frozenset((*self.targets, *self.companions))

    @property
    def may_work_here(self) -> bool:
        """Return whether the agent's own machine is one of the run's."""
        return any(plugin == "local" for plugin, _ in self.where)

    @cached_property
    def templates(self) -> ToldTemplates:
        """Return what was told of templates that hold something hidden."""
        return ToldTemplates(self.report, self.tell)

    def tell(self, kind: str, content: Any) -> None:
        """Add one line to the report."""
        line = json.dumps({kind: content}, default=str) + "\n"
        descriptor = os.open(self.report, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode("utf-8", "surrogateescape"))
        finally:
            os.close(descriptor)


def load_job() -> Job:
    """Read the job that the environment names."""
    content = json.loads(Path(os.environ[JOB_VARIABLE]).read_text(encoding="utf-8"))
    where = [(plugin, options) for plugin, options in content.pop("where")]
    names = frozenset(content.pop("names"))
    return Job(where=where, names=names, **content)
