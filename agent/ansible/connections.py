"""Connections of a run in, the same connections out, which lead to its hosts or refuse.

Names mean little here: a play can give a host another address, and an address another name. What counts is
where a connection leads when it is used, compared with where Ansible itself leads for the run's hosts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ansible.executor.task_executor
from ansible.errors import AnsibleError
from ansible.plugins.connection import ConnectionBase
from ansible.plugins.loader import connection_loader

from agent.ansible import commands
from agent.ansible.job import Job
from agent.ansible.where import Where, address_in, plugin_of, where_of

_PROOF = {"host_key_checking": True, "host_key_auto_add": False}
_USES = ("_connect", "exec_command", "put_file", "fetch_file", "send", "reset")


class Refused(AnsibleError):  # type: ignore[misc]
    """A task wanted what the run may not do."""


def install(job: Job) -> None:
    """Let every connection, whoever makes it, refuse what is not the run's."""
    make = connection_loader.get_with_context

    def get_with_context(name: str, *args: Any, **options: Any) -> Any:
        found = make(name, *args, **options)
        if isinstance(found.object, ConnectionBase):
            _guard(found.object, job)
        return found

    connection_loader.get_with_context = get_with_context
    start = ansible.executor.task_executor.start_connection

    def start_connection(context: Any, options: dict[str, Any], task: Any) -> Any:
        # it connects in a process of its own, for network devices, before anything else is asked of it
        connection = make(context.connection, context, task_uuid=task).object
        connection.set_options(direct=options)
        _check(where_of(connection), job)
        return start(context, options, task)

    ansible.executor.task_executor.start_connection = start_connection


def _guard(connection: ConnectionBase, job: Job) -> None:
    for name in _USES:
        use = getattr(connection, name, None)
        if callable(use):
            setattr(connection, name, _guarded(connection, name, use, job))


def _guarded(connection: ConnectionBase, name: str, use: Callable[..., Any], job: Job) -> Callable[..., Any]:
    def guarded(*args: Any, **options: Any) -> Any:
        _check(where_of(connection), job)
        _want_proof(connection)
        if name == "exec_command":
            commands.refuse_unmarked(connection)
        if name in ("put_file", "fetch_file"):
            with commands.by_ansible_itself():  # some connections copy files by commands of their own
                return use(*args, **options)
        return use(*args, **options)

    return guarded


def _want_proof(connection: ConnectionBase) -> None:
    """Let no variable of a play or an inventory take a host for the one that is meant without its key."""
    for option, value in _PROOF.items():
        if option in connection.get_options():
            connection.set_option(option, value)


def _check(where: Where, job: Job) -> None:
    if where in job.where:
        return
    named = commands.host_at_work() or address_in(where) or "this machine"
    if where[0] == "local":
        named = (
            f"{named}, on the agent's own machine" if commands.host_at_work() else "the agent's own machine"
        )
    raise Refused(
        f"opsmend refuses to touch {named} ({_shown(where)}): this run is for {_hosts(job)}. "
        "A host that it needs beside them belongs under 'companions' in remediation.yml."
    )


def _shown(where: Where) -> str:
    address = address_in(where)
    return f"{where[0]} to {address}" if address else where[0]


def _hosts(job: Job) -> str:
    return ", ".join([*job.targets, *job.companions])


__all__ = ["Refused", "install", "plugin_of"]
