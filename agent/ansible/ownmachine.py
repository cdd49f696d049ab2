"""What runs or writes on the agent's own machine without any connection in, a refusal out.

A play for localhost is one way; some lookups and one action are others. Where the run may touch this machine
they work. In an inventory they always do: it is the operator's, who fetches passwords so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible._internal._datatag._tags import Origin
from ansible._internal._templating._engine import TemplateContext
from ansible.plugins.loader import lookup_loader

from agent.ansible.connections import Refused
from agent.ansible.job import Job

LOOKUPS = frozenset({"pipe", "lines", "password"})  # start a command, or write a file
ACTIONS = frozenset({"fetch"})
_OWN = ("ansible.builtin.", "ansible.legacy.")


def install(job: Job) -> None:
    """Refuse lookups of authors that do something here."""
    find = lookup_loader.get_with_context

    def get_with_context(name: str, *args: Any, **options: Any) -> Any:
        found = find(name, *args, **options)
        if _bare(name) in LOOKUPS and not job.may_work_here and _is_of_an_author(job):
            raise Refused(_words(f"lookup '{_bare(name)}'", job))
        return found

    lookup_loader.get_with_context = get_with_context


def refuse_action(action: str, job: Job) -> None:
    """Raise Refused for a task that writes here."""
    if _bare(action) in ACTIONS and not job.may_work_here:
        raise Refused(_words(f"action '{_bare(action)}'", job))


def _is_of_an_author(job: Job) -> bool:
    """Return whether what is being rendered was written in a playbook or a role, or nobody knows where."""
    context = TemplateContext.current(optional=True)
    origin = Origin.get_tag(context.template_value) if context is not None else None
    if origin is None or not origin.path:
        return True
    return any(Path(origin.path).is_relative_to(root) for root in job.approved)


def _words(what: str, job: Job) -> str:
    hosts = ", ".join([*job.targets, *job.companions])
    return (
        f"opsmend refuses {what}: it works on the agent's own machine, and this run is for {hosts}; "
        "declare localhost under 'companions' in remediation.yml"
    )


def _bare(name: str) -> str:
    for prefix in _OWN:
        name = name.removeprefix(prefix)
    return name
