"""A connection that Ansible has made ready in, where it leads out: alike for inventories and for runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Where = tuple[str, Mapping[str, str]]

_SAME_PLUGIN = ("ansible.builtin.", "ansible.legacy.")
# who logs in and how, not where: a play may choose these, and the machine stays the same. A control socket is
# not among them: that of another host leads there
WHO_AND_HOW = re.compile(
    r"remote_user|.*pass(word|phrase|wd)?(_.*)?|.*private_key.*|.*timeout.*|.*retries|pipelining|.*tty|verbosity"
    r"|(.*_)?host_key.*|become.*|.*transfer_method|sftp_batch_mode|sshpass_prompt|look_for_keys"
    r"|import_modules|persist.*|pkcs11.*"
)


def where_of(connection: Any) -> Where:
    """Return the plugin's name and every option that decides on which machine a command ends up."""
    options = {
        name: str(value)
        for name, value in connection.get_options().items()
        if value not in (None, "") and not WHO_AND_HOW.fullmatch(name)
    }
    address = getattr(connection, "_play_context", None)
    if "host" not in options and "remote_addr" not in options and address is not None:
        remote = getattr(address, "remote_addr", None)
        if remote and plugin_of(connection) != "local":
            options["host"] = str(remote)
    return plugin_of(connection), options


def plugin_of(connection: Any) -> str:
    """Return the name of a connection's plugin, that of Ansible's own ones without their collection."""
    name = str(getattr(connection, "_load_name", "") or connection.transport)
    for prefix in _SAME_PLUGIN:
        name = name.removeprefix(prefix)
    return name


def address_in(where: Where) -> str:
    """Return the address that a connection leads to, as Ansible has it; empty for the own machine."""
    return where[1].get("host") or where[1].get("remote_addr") or ""
