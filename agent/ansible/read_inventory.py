"""Inventory sources in on the command line, what Ansible makes of them out: for the agent and for its runs.

A process of its own, ``python -m agent.ansible.read_inventory FOLDER``, followed by options of
ansible-inventory. ``FOLDER/answer.json`` is for the agent: hosts with groups, the variables that it reads,
rendered by Ansible's own variable manager and templar for that host, and where a connection to it leads;
every warning. ``FOLDER/0`` and so on, one for each source, is what a run needs for the same inventory.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible._internal._datatag._tags import Origin
from ansible.cli.inventory import InventoryCLI
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.module_utils.common.json import get_encoder
from ansible.parsing.vault import EncryptedString, VaultHelper
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from ansible.template import Templar
from ansible.utils.display import Display
from ansible.vars.hostvars import HostVars

from agent.ansible.machines import identities_of
from agent.ansible.openedvaults import OpenedVaults
from agent.ansible.where import WHO_AND_HOW, Where, where_of

RECORD = "inventory.json"
ANSWER = "answer.json"
SECRETS = "secrets.json"
ENCRYPTED = "__opsmend_encrypted"
VARIABLES = ("group_vars", "host_vars")
# what the agent reads of a host beside short texts named opsmend_…, which may name companions
_READ = ("opsmend_aliases", "opsmend_environment", "opsmend_host_suffixes", "opsmend_services")
_TAGGED = get_encoder("cache_persistence")


class StrictInventory(InventoryManager):  # type: ignore[misc]
    """Ansible's inventory, of which a script that fails is never read as a list of hosts instead."""

    def parse_source(self, source: str, cache: bool = False) -> bool:
        """Parse one source, a script by the plugin for scripts only."""
        self._is_script = _is_script(source)
        return bool(super().parse_source(source, cache=cache))

    def _fetch_inventory_plugins(self) -> list[Any]:
        plugins: list[Any] = super()._fetch_inventory_plugins()
        if not self._is_script:
            return plugins
        return [plugin for plugin in plugins if plugin._load_name.rpartition(".")[2] == "script"]


class _ReadInventory(InventoryCLI):  # type: ignore[misc]
    """ansible-inventory, up to the point where it has read everything."""

    folder: Path
    vaults = OpenedVaults()

    def run(self) -> None:
        super(InventoryCLI, self).run()
        warnings: list[str] = []
        _hear_warnings(warnings)
        loader, inventory, variables = self._play_prereqs()
        HostVars(inventory, variables, loader)  # which gives itself to the variables, as it does in a run
        _record(self.folder, inventory)
        answer = _Answers(loader, inventory, variables, self.vaults).all()
        text = json.dumps({**answer, "warnings": warnings}, default=str)
        (self.folder / ANSWER).write_text(text, encoding="ascii")


class _Answers:
    """What the agent is told of each host."""

    def __init__(self, loader: Any, inventory: Any, variables: Any, vaults: OpenedVaults) -> None:
        self._loader = loader
        self._inventory = inventory
        self._variables = variables
        self._vaults = vaults

    def all(self) -> dict[str, Any]:
        """Return hosts and groups, as JSON has them."""
        ambiguous = self._inventory.hosts.keys() & self._inventory.groups.keys()
        told: dict[str, dict[str, Any]] = {}
        places: dict[str, Where] = {}
        for host in self._inventory.hosts.values():
            told[host.name] = self._host(host, places)
            mixed = ambiguous & {host.name, *told[host.name]["groups"]}
            if mixed:
                places.pop(host.name, None)
                told[host.name]["unknown"]["ansible_host"] = (
                    f"'{min(mixed)}' is a host and a group: Ansible gives the variables of one to the other"
                )
        for name, identity in identities_of(places).items():
            told[name]["identity"] = identity
        own: dict[str, Where] = {}
        self._host(self._inventory.localhost, own)
        return {
            "hosts": told,
            "groups": sorted(self._inventory.groups),
            "localhost": next(iter(own.values()), None),
        }

    def _host(self, host: Any, places: dict[str, Where]) -> dict[str, Any]:
        said = self._variables.get_vars(host=host)
        templar = Templar(loader=self._loader, variables=said)
        unknown: dict[str, str] = {}
        wanted = [name for name in said if name in _READ or (_names_opsmend(name) and _is_short(said[name]))]
        rendered = {name: self._render(templar, name, said[name], unknown) for name in sorted(wanted)}
        where = self._where(templar, said, unknown)
        if where is not None:
            places[host.name] = where
        return {
            "groups": sorted(group.name for group in host.get_groups()),
            "variables": {name: value for name, value in rendered.items() if value is not None},
            "unknown": unknown,
            "where": where,
            "identity": "",
        }

    def _render(self, templar: Any, name: str, value: Any, unknown: dict[str, str]) -> Any:
        before = self._vaults.opened
        try:
            text = json.dumps(templar.template(value), default=str, ensure_ascii=False)
            text.encode()
        except Exception as error:  # whatever a lookup or a filter of somebody raises
            unknown[name] = _reason(error)
            return None
        if self._vaults.opened != before or self._vaults.gave(text, value):
            unknown[name] = "comes out of a vault, and is for playbooks only"
            return None
        return json.loads(text)

    def _where(self, templar: Any, said: Mapping[str, Any], unknown: dict[str, str]) -> Where | None:
        """Return where a task for this host would connect to, or None where that cannot be known."""
        try:
            name = templar.template(said.get("ansible_connection") or constants.DEFAULT_TRANSPORT)
            context = PlayContext()
            context.remote_addr = said["inventory_hostname"]
            connection = connection_loader.get(name, context)
            if connection is None:
                raise AnsibleError(f"there is no connection plugin '{name}'")
        except Exception as error:
            unknown["ansible_connection"] = _reason(error)
            return None
        options: dict[str, Any] = {"_extras": {}}
        for variable in constants.config.get_plugin_vars("connection", connection._load_name):
            if variable in said:
                try:
                    options[variable] = templar.template(said[variable])
                except Exception as error:
                    unknown[variable] = _reason(error)
        try:
            connection.set_options(task_keys={}, var_options=options)
            place = where_of(connection)
        except Exception as error:
            unknown["ansible_connection"] = _reason(error)
            return None
        return None if _decides_where(connection._load_name, unknown) else place


def _decides_where(plugin: str, unknown: Mapping[str, str]) -> bool:
    """Return whether a variable that could not be rendered would have said where the connection leads."""
    definitions = constants.config.get_configuration_definitions("connection", plugin)
    return any(
        one["name"] in unknown
        for name, definition in definitions.items()
        if not WHO_AND_HOW.fullmatch(name)
        for one in definition.get("vars") or ()
    )


def _record(folder: Path, inventory: Any) -> None:
    """Write groups, hosts and their variables as the sources gave them, and the folders of variables."""
    content = {
        "groups": {
            group.name: {
                "vars": _writable(group.vars),
                "children": [child.name for child in group.child_groups],
                "hosts": [host.name for host in group.hosts],
                "priority": group.priority,
            }
            for group in inventory.groups.values()
        },
        "hosts": {host.name: _writable(host.vars) for host in inventory.hosts.values()},
    }
    for number, source in enumerate(_folders(inventory._sources)):
        place = folder / str(number)
        place.mkdir(mode=0o700)
        for name in VARIABLES:
            if (source / name).is_dir():
                shutil.copytree(source / name, place / name)
        record = content if number == 0 else {"groups": {}, "hosts": {}}
        (place / RECORD).write_text(json.dumps(record, cls=_TAGGED))


def _writable(value: Any) -> Any:
    """Return a value whose encrypted parts can be written: Ansible's encoder makes plain text of them."""
    if isinstance(value, EncryptedString):
        origin = Origin.get_tag(value)
        return {ENCRYPTED: VaultHelper.get_ciphertext(value, with_tags=False), "origin": str(origin or "")}
    if isinstance(value, Mapping):
        return {key: _writable(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(child) for child in value]
    return value


def _folders(sources: list[str]) -> Iterator[Path]:
    for source in sources:
        yield Path(source) if Path(source).is_dir() else Path(source).parent


def _is_script(source: str) -> bool:
    path = Path(source)
    if not path.is_file() or not os.access(path, os.X_OK):
        return False
    with path.open("rb") as stream:
        return stream.read(2) == b"#!"


def _names_opsmend(name: str) -> bool:
    return name.startswith("opsmend_")


def _is_short(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def _reason(error: BaseException) -> str:
    return _printable(str(error))  # cut where secrets were taken out of it


def _printable(text: str) -> str:
    return " ".join(text.encode("utf-8", "replace").decode().split())


def _hear_warnings(heard: list[str]) -> None:
    """Let every warning be heard, whole and once, wherever it would have been printed."""
    show = Display._warning

    def hear(self: Any, warning: Any) -> None:
        text = _printable(str(warning.event.msg))
        cause = getattr(warning.event.chain, "event", None)
        if cause is not None:
            text = f"{text} {_printable(str(cause.msg))}"
        if text not in heard:
            heard.append(text)
        show(self, warning)

    Display._warning = hear


def main() -> None:
    """Read the inventory that the command line names."""
    folder, *options = sys.argv[1:]
    import ansible.cli

    ansible.cli.InventoryManager = StrictInventory
    _ReadInventory.folder = Path(folder)
    _ReadInventory.vaults.hear()
    try:
        _ReadInventory.cli_executor(["ansible-inventory", "--list", *options])
    finally:
        (Path(folder) / SECRETS).write_text(json.dumps(sorted(_ReadInventory.vaults.texts)), encoding="ascii")


if __name__ == "__main__":
    main()
