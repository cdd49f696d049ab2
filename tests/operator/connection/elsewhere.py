"""Connection plugin for tests: commands run here, and yet every host has an address of its own."""

from __future__ import annotations

DOCUMENTATION = r"""
name: elsewhere
short_description: This machine under the address of a host
description:
  - Through the connection local all hosts are one machine, and one run at a time may touch it.
options:
  remote_addr:
    description: The address, which nobody connects to.
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
extends_documentation_fragment:
  - connection_pipelining
author:
  - opsmend
"""

from ansible.plugins.connection.local import Connection as LocalConnection


class Connection(LocalConnection):
    """local, but for its name."""

    transport = "elsewhere"

    def get_option(self, option, hostvars=None):
        """Return an option; what local has and this has not is as local has it by default."""
        defaults = {"become_success_timeout": 10, "become_strip_preamble": True}
        return defaults[option] if option in defaults else super().get_option(option, hostvars)
