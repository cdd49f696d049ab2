"""Playbooks of a run in, whether each of their plays is for its hosts out, before the first task begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError
from ansible.executor.playbook_executor import PlaybookExecutor
from ansible.inventory.manager import InventoryManager
from ansible.playbook import Playbook
from ansible.playbook.block import Block
from ansible.template import Templar
from jinja2 import Environment, TemplateSyntaxError, meta

from agent.ansible import disclosure
from agent.ansible.connections import Refused
from agent.ansible.job import Job

_SYNTAX = Environment()  # noqa: S701, nothing is rendered with it


def confined_inventory(job: Job) -> type[InventoryManager]:
    """Return an inventory in which everything can be read and patterns match only the hosts of the run.

    By exact names: for a limit, ``all`` would mean every host although there is one of that name.
    """

    class ConfinedInventory(InventoryManager):  # type: ignore[misc]
        def get_hosts(
            self,
            pattern: Any = "all",
            ignore_limits: bool = False,
            ignore_restrictions: bool = False,
            order: Any = None,
        ) -> list[Any]:
            found = super().get_hosts(pattern, ignore_limits, ignore_restrictions, order)
            return found if ignore_limits else [host for host in found if host.name in job.reachable]

    return ConfinedInventory


def checking_executor(job: Job) -> type[PlaybookExecutor]:
    """Return an executor that looks at all playbooks of the run before it runs its own."""

    class CheckingExecutor(PlaybookExecutor):  # type: ignore[misc]
        def run(self) -> Any:
            disclosure.disclose_vaults(job, self._loader, self._inventory, self._variable_manager)
            try:
                for playbook in job.playbooks:
                    self._check(playbook)
            except Refused as refused:
                job.tell("refused", str(refused))
                raise
            return super().run()

        def _check(self, playbook: str) -> None:
            loaded = Playbook.load(playbook, variable_manager=self._variable_manager, loader=self._loader)
            for play in loaded.get_plays():
                self._inventory.remove_restriction()
                self._loader.set_basedir(play._included_path or loaded._basedir)
                _check_questions(play, self._variable_manager.extra_vars)
                hosts = _check_hosts(play, self._pattern(play), self._inventory, job)
                blocks = [*play.compile(), *play.handlers, *play.compile_roles_handlers()]
                for task in _tasks(blocks):
                    self._check_delegation(play, task, hosts)

        def _pattern(self, play: Any) -> Any:
            said = self._variable_manager.get_vars(play=play)
            return Templar(loader=self._loader, variables=said).template(play.hosts)

        def _check_delegation(self, play: Any, task: Any, hosts: Iterable[Any]) -> None:
            if not task.delegate_to:
                return
            for host in hosts:
                said = self._variable_manager.get_vars(play=play, host=host, task=task)
                if not _is_known(task.delegate_to, said):
                    continue  # told by a task before it, and looked at when it is used
                try:
                    name = Templar(loader=self._loader, variables=said).template(task.delegate_to)
                except AnsibleError:
                    continue
                if isinstance(name, str) and not self._is_reachable(name):
                    raise Refused(_no_delegate(task, name, job))

        def _is_reachable(self, name: str) -> bool:
            if name in job.reachable:
                return True
            known = self._inventory.hosts.get(name)
            # an address of one of the run's hosts is as good: where it leads is looked at when it is used
            return known is None and name not in constants.LOCALHOST and _is_address(name, job)

    return CheckingExecutor


def _check_questions(play: Any, given: Mapping[str, Any]) -> None:
    asked = [one["name"] for one in play.vars_prompt or () if one["name"] not in given]
    if asked:
        raise Refused(
            f"opsmend refuses play '{play.get_name()}': it asks a person for {_words(asked)}, and nobody is "
            "there to answer; make it a parameter in remediation.yml"
        )


def _check_hosts(play: Any, pattern: Any, inventory: Any, job: Job) -> list[Any]:
    matched = inventory.get_hosts(pattern)
    names = {host.name for host in matched}
    if not names:
        others = [host.name for host in inventory.get_hosts(pattern, ignore_limits=True)]
        raise Refused(_no_hosts(play, pattern, others, job))
    both = names & set(job.targets) and names & set(job.companions)
    if both:
        raise Refused(
            f"opsmend refuses play '{play.get_name()}': its hosts '{_words(pattern)}' are targets "
            f"({_words(sorted(names & set(job.targets)))}) and companions "
            f"({_words(sorted(names & set(job.companions)))}) alike; "
            "name a group or a host that only one of them is"
        )
    return list(matched)


def _no_hosts(play: Any, pattern: Any, others: list[str], job: Job) -> str:
    why = f"matches {_words(others[:5])}" if others else "matches no host of the inventory"
    if others and others[0] in constants.LOCALHOST:
        why = "is the agent's own machine"
    return (
        f"opsmend refuses play '{play.get_name()}': '{_words(pattern)}' {why}, and the run is for "
        f"{_words([*job.targets, *job.companions])}; "
        "write 'hosts: all', or declare the others under 'companions'"
    )


def _no_delegate(task: Any, name: str, job: Job) -> str:
    return (
        f"opsmend refuses task '{task.get_name()}': it is delegated to {name}, and the run is for "
        f"{_words([*job.targets, *job.companions])}; declare {name} under 'companions' in remediation.yml"
    )


def _is_known(template: str, said: Mapping[str, Any]) -> bool:
    """Return whether all that a template names is known before the first task, so that it will not change."""
    try:
        return meta.find_undeclared_variables(_SYNTAX.parse(template)) <= said.keys()
    except TemplateSyntaxError:
        return True  # Ansible says what is wrong with it


def _is_address(name: str, job: Job) -> bool:
    return any(name in (options.get("host"), options.get("remote_addr")) for _, options in job.where)


def _tasks(blocks: Iterable[Any]) -> Iterator[Any]:
    for one in blocks:
        if isinstance(one, Block):
            yield from _tasks([*one.block, *one.rescue, *one.always])
        else:
            yield one


def _words(names: Any) -> str:
    return names if isinstance(names, str) else ", ".join(map(str, names))
