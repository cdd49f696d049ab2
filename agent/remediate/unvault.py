"""Vaulted texts in on standard input, what they hold out on standard output, for redaction.

A process of its own, ``python -m agent.remediate.unvault``: Ansible's libraries are large.
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Decrypt the job on standard input; what cannot be decrypted is left out."""
    from ansible.errors import AnsibleError
    from ansible.parsing.dataloader import DataLoader
    from ansible.parsing.vault import VaultLib, get_file_vault_secret

    job = json.load(sys.stdin)
    # a file with the password, or a program that prints it, as for ansible-playbook
    secret = get_file_vault_secret(job["password_file"], loader=DataLoader())
    secret.load()
    vault = VaultLib([("default", secret)])
    found = []
    for text in job["vaulted"]:
        try:
            found.append(vault.decrypt(text).decode())
        except (AnsibleError, UnicodeDecodeError):
            continue
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
