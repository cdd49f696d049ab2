"""Commands for a host in, the same commands with the run's mark and an end out, however a task starts them.

Ansible kills only its own side when a task is cancelled; what runs on the host goes on. Every command goes
through one function of its action plugins, modules, async, script and raw alike; there it gets the mark into
its environment, inside of become, which clears the environment, and runs under timeout(1).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from agent.ansible.job import Job
from agent.ansible.where import plugin_of

_KILL_AFTER_S = 5
_WITHOUT_POSIX = frozenset({"powershell", "cmd"})
# by which shell a command is read when nobody says it, only the host knows; so it travels as octal numbers,
# which no shell changes, and is handed to that shell there
_BY_LOGIN_SHELL = r"""exec "${SHELL:-/bin/sh}" -c "$(printf %b "$(printf %s "$1" | tr : "\134")")" """.strip()


class _State:
    """What this worker of Ansible is doing; a worker has one task."""

    marked = 0
    host = ""
    action = ""


def install(job: Job) -> None:
    """Mark and bound every command of every action plugin."""
    execute = ActionBase._low_level_execute_command

    def low_level_execute_command(
        self: Any,
        cmd: str,
        sudoable: bool = True,
        in_data: Any = None,
        executable: Any = None,
        **options: Any,
    ) -> Any:
        if not has_posix_shell(self._connection):
            job.tell("unmarked", _State.host)
        else:
            cmd = _marked(self, cmd, executable, job)
            if sudoable and self._connection.become:
                job.tell("became", _became(self))
        with by_ansible_itself():
            return execute(self, cmd, sudoable=sudoable, in_data=in_data, executable=executable, **options)

    ActionBase._low_level_execute_command = low_level_execute_command


def has_posix_shell(connection: Any) -> bool:
    """Return whether what is on the other side takes commands of a POSIX shell."""
    if connection.force_persistence or not connection.allow_executable:
        return False  # network devices
    return getattr(connection._shell, "SHELL_FAMILY", "sh") not in _WITHOUT_POSIX


@contextmanager
def by_ansible_itself() -> Iterator[None]:
    """Let commands pass that were marked, or are none of a task."""
    _State.marked += 1
    try:
        yield
    finally:
        _State.marked -= 1


def refuse_unmarked(connection: Any) -> None:
    """Raise AnsibleError when a plugin starts a command past the one function that marks it."""
    if not _State.marked and has_posix_shell(connection):
        raise AnsibleError(
            "opsmend refuses an action that starts commands by itself "
            f"(over {plugin_of(connection)}): they could be neither bounded in time nor found again"
        )


def at_work_on(host: str, action: str) -> None:
    """Remember which host the task at hand is for, and what it does."""
    _State.host, _State.action = host, action


def runs_a_script() -> bool:
    """Return whether the task at hand carries out a file of the agent's machine."""
    return _State.action.rpartition(".")[2] == "script"


def host_at_work() -> str:
    """Return which host the task at hand is for."""
    return _State.host


def _marked(action: Any, cmd: str, executable: Any, job: Job) -> str:
    shell = action._connection._shell
    words = ["env", f"OPSMEND_RUN={job.mark}", "timeout", "-k", str(_KILL_AFTER_S), str(job.seconds)]
    if executable is False and not action._connection.become:
        octal = "".join(f":0{byte:03o}" for byte in cmd.encode())
        words += ["/bin/sh", "-c", _BY_LOGIN_SHELL, "sh", octal]
    else:
        said = executable or getattr(shell, "executable", None) or action._play_context.executable
        words += [*shlex.split(said or "/bin/sh"), "-c", cmd]
    return shlex.join(words)


def _became(action: Any) -> dict[str, Any]:
    become = action._connection.become
    return {
        "host": _State.host,
        "method": become._load_name,
        "user": str(action.get_become_option("become_user") or "root"),
        "login": str(action._get_remote_user() or ""),
    }
