"""Inventory plugin: the inventory as it was read once, the same for every run until it is read again."""

from __future__ import annotations

DOCUMENTATION = r"""
name: recorded
short_description: The inventory that the opsmend agent has read
description:
  - Gives groups, hosts and their variables as the operator's sources gave them to the agent, so that a run
    does not ask the sources again and sees what was decided by.
options: {}
author:
  - opsmend
"""

import json
from pathlib import Path

from ansible._internal._datatag._tags import Origin
from ansible.module_utils.common.json import get_decoder
from ansible.parsing.vault import EncryptedString
from ansible.plugins.inventory import BaseInventoryPlugin

_RECORD = "inventory.json"
_ENCRYPTED = "__opsmend_encrypted"


def restored(value):
    """Return a value with what is encrypted in its place again."""
    if isinstance(value, dict):
        if _ENCRYPTED in value:
            origin = Origin(description=value["origin"] or "the inventory")
            return origin.tag(EncryptedString(ciphertext=str(value[_ENCRYPTED])))
        for key, child in value.items():
            value[key] = restored(child)
    elif isinstance(value, list):
        for number, child in enumerate(value):
            value[number] = restored(child)
    return value


class InventoryModule(BaseInventoryPlugin):
    """Reads a record with all tags of its values: whence they are, what is a template, what is encrypted."""

    NAME = "opsmend.agent.recorded"

    def verify_file(self, path):
        """Return whether this is a record."""
        return Path(path).name == _RECORD

    def parse(self, inventory, loader, path, cache=False):
        """Rebuild the inventory."""
        content = json.loads(Path(path).read_text(encoding="utf-8"), cls=get_decoder("cache_persistence"))
        for name, group in content["groups"].items():
            made = inventory.groups[inventory.add_group(name)]
            made.set_priority(group["priority"])
            # through set_variable a host that is named like a group would give its variables to the group
            made.vars = restored(group["vars"])
        for name, variables in content["hosts"].items():
            inventory.hosts[inventory.add_host(name)].vars = restored(variables)
        for name, group in content["groups"].items():
            for child in group["children"]:
                inventory.groups[name].add_child_group(inventory.groups[child])
            for host in group["hosts"]:
                inventory.groups[name].add_host(inventory.hosts[host])
