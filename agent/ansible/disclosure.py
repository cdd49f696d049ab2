"""Values that nobody may see in, told to the agent as they come up, so that it takes them out of texts.

Three kinds: whatever a vault held; whatever ``no_log`` hides, of a task or of one argument; and what a
variable holds whose name says that it is secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible._internal._datatag._tags import Origin
from ansible._internal._templating._engine import TemplateEngine
from ansible.errors import AnsibleError
from ansible.executor.task_executor import TaskExecutor
from ansible.parsing.vault import EncryptedString, VaultLib
from ansible.plugins.action import ActionBase

from agent.ansible import commands, ownmachine
from agent.ansible.hiddentexts import is_template, texts_in, texts_of_vault
from agent.ansible.job import Job

_HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
# of a task that is hidden as a whole: what files and processes are called and look like is no secret
_TELLS_NOTHING = frozenset(
    {"path", "dest", "src", "mode", "owner", "group", "state", "uid", "gid", "size", "checksum", "md5sum"}
    | {"backup_file", "creates", "removes", "chdir", "executable", "start", "end", "delta"}
    | {"ansible_loop_var"}
)
_OF_ALL = frozenset({"vars", "hostvars", "groups"})  # of Ansible itself: the variables again, and everybody's
_OF_ANSIBLE = "_ansible_"  # what it tells its own modules


def install(job: Job) -> None:
    """Tell of every value as soon as it is there, before any output can hold it."""
    _install_vaults(job)
    _install_modules(job)
    _install_templates(job)


def _install_vaults(job: Job) -> None:
    decrypt = VaultLib.decrypt_and_get_vault_id

    def decrypt_and_get_vault_id(self: Any, vaulttext: Any) -> Any:
        try:
            plaintext, vault_id, secret = decrypt(self, vaulttext)
        except AnsibleError as error:
            job.tell("unopened", _place(vaulttext, error))
            raise
        texts = texts_of_vault(bytes(plaintext), job.names)
        job.templates.add(filter(is_template, texts))
        _tell(job, texts)
        return plaintext, vault_id, secret

    VaultLib.decrypt_and_get_vault_id = decrypt_and_get_vault_id


def _install_modules(job: Job) -> None:
    execute = ActionBase._execute_module

    def execute_module(self: Any, *args: Any, **options: Any) -> Any:
        result = execute(self, *args, **options)
        given = options.get("module_args") or (args[1] if len(args) > 1 else None) or self._task.args
        shown = result.get("invocation") or {}
        _tell(job, _hidden(shown.get("module_args") if isinstance(shown, Mapping) else None, given, job))
        return result

    ActionBase._execute_module = execute_module


def _install_templates(job: Job) -> None:
    """Tell what a variable holds that is a template, whichever way it comes to be rendered."""
    render = TemplateEngine.template

    def template(self: Any, variable: Any, *args: Any, **options: Any) -> Any:
        result = render(self, variable, *args, **options)
        if isinstance(variable, str) and _is_rendered(variable) and variable in job.templates:
            _tell(job, texts_in(result, job.names))
        return result

    TemplateEngine.template = template


def disclosing_executor(job: Job) -> type[TaskExecutor]:
    """Return an executor of tasks that tells what a task had to hide, before its result goes anywhere."""

    class DisclosingExecutor(TaskExecutor):  # type: ignore[misc]
        def _execute(self, templar: Any, variables: Any) -> Any:
            ownmachine.refuse_action(str(self._task.action), job)
            _tell(job, _named(variables, job))
            result = super()._execute(templar, variables)
            _tell(job, _named(variables, job))
            if result.get("_ansible_no_log"):
                _tell(job, texts_in([dict(self._task.args), result], job.names, _TELLS_NOTHING, _OF_ANSIBLE))
            return result

        def _calculate_delegate_to(self, templar: Any, variables: Any) -> None:
            super()._calculate_delegate_to(templar, variables)
            commands.at_work_on(str(self._task.delegate_to or self._host.name), str(self._task.action))

    return DisclosingExecutor


def disclose_vaults(job: Job, loader: Any, inventory: Any, variables: Any) -> None:
    """Open every vault of the run's hosts and files, and tell when that is done.

    Opening one takes hundredths of a second of hashing, so where there are any it is done beside the run;
    the agent shows and keeps nothing before it is over.
    """
    job.tell("began", True)
    encrypted: list[Any] = []
    for name in job.reachable:
        host = inventory.hosts.get(name)
        said = variables.get_vars(host=host) if host is not None else {}
        _tell(job, _named(said, job))
        encrypted += _encrypted(said)
    if not encrypted and not job.vaulted:
        job.tell("ready", True)
        return
    if os.fork():
        return
    try:
        for number in range(3):
            os.dup2(os.open(os.devnull, os.O_RDWR), number)  # whoever reads the output waits for its end
        _open_all(encrypted, job.vaulted, loader)
        job.tell("ready", True)
    finally:
        os._exit(0)


def _open_all(encrypted: Iterable[Any], files: Iterable[str], loader: Any) -> None:
    for value in encrypted:
        _try(lambda value=value: str(value))
    for file in files:
        _try(lambda file=file: [str(one) for one in _encrypted(loader.load_from_file(file))])


def _try(action: Any) -> None:
    try:
        action()
    except Exception:  # it was told where it could not be opened
        return


def _encrypted(value: Any) -> Iterator[Any]:
    waiting, seen = [value], {}
    while waiting:
        one = waiting.pop()
        if isinstance(one, EncryptedString):
            yield one
        elif isinstance(one, Mapping | list | tuple) and id(one) not in seen:
            seen[id(one)] = one  # by aliases a few lines hold one thing a million times
            waiting += one.values() if isinstance(one, Mapping) else one


def _named(variables: Mapping[str, Any], job: Job) -> list[str]:
    """Return the texts of variables whose names say that they are secret; templates are kept in mind."""
    found = list(_named_in(variables, re.compile(job.secret_names), job))
    templates = set(filter(_is_rendered, found))
    job.templates.add(templates)
    return [text for text in found if text not in templates]


def _is_rendered(text: str) -> bool:
    return "{{" in text or "{%" in text


def _named_in(value: Any, secret: re.Pattern[str], job: Job) -> Iterator[str]:
    waiting, seen = [value], {}
    while waiting:
        one = waiting.pop()
        if not isinstance(one, dict | list) or id(one) in seen:
            continue
        seen[id(one)] = one
        if isinstance(one, list):
            waiting += one
            continue
        for key, child in one.items():
            if secret.search(str(key)):
                yield from texts_in(child, job.names)
            elif one is not value or key not in _OF_ALL:
                waiting.append(child)


def _hidden(shown: Any, given: Any, job: Job) -> list[str]:
    return list(texts_in(list(_hidden_in(shown, given)), job.names))


def _hidden_in(shown: Any, given: Any) -> Iterator[Any]:
    """Yield what was given where a module shows that it hides something, however deep."""
    if isinstance(shown, str) and shown == _HIDDEN:
        yield given
    elif isinstance(shown, Mapping) and isinstance(given, Mapping):
        for key, child in shown.items():
            yield from _hidden_in(child, given.get(key))
    elif isinstance(shown, list) and isinstance(given, list | tuple):
        for child, own in zip(shown, given, strict=False):
            yield from _hidden_in(child, own)


def _place(vaulttext: Any, error: AnsibleError) -> str:
    header = bytes(vaulttext if isinstance(vaulttext, bytes) else str(vaulttext).encode()).split(b"\n", 1)[0]
    words = header.decode("ascii", "replace").split(";")
    vault_id = f"vault id '{words[3]}', " if len(words) > 3 else ""
    origin = Origin.get_tag(vaulttext)
    return f"{vault_id}{origin}" if origin else f"{vault_id}{error.message}"


def _tell(job: Job, values: Iterable[str]) -> None:
    texts = sorted({text for text in values if text.strip()})
    if texts:
        job.tell("secrets", texts)
