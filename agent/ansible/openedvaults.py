"""Vaults in as Ansible opens them, what they held out: nothing that is told of an inventory may hold it."""

from __future__ import annotations

import json
from typing import Any

from ansible._internal._datatag._tags import Origin
from ansible.parsing.vault import VaultLib

from agent.ansible.hiddentexts import texts_of_vault
from agent.cleantext import is_name

_SHORTEST = 6  # characters; shorter ones stand in anything


class OpenedVaults:
    """What vaults held that were opened so far: texts, and the files that were vaults as a whole."""

    def __init__(self) -> None:
        self.opened = 0
        self.files: set[str] = set()
        self.texts: set[str] = set()
        self._telling: set[str] = set()  # of the texts: names of hosts stand in vaults too, and are aliases

    def hear(self) -> None:
        """Hear of every one that is opened from now on."""
        decrypt = VaultLib.decrypt_and_get_vault_id

        def heard(lib: Any, vaulttext: Any) -> Any:
            plaintext, *more = decrypt(lib, vaulttext)
            self.opened += 1
            origin = Origin.get_tag(vaulttext)
            if origin is not None and not origin.line_num:
                self.files.add(str(origin.path))
            texts = texts_of_vault(bytes(plaintext))
            self.texts.update(texts)
            self._telling.update(one for one in texts if len(one) >= _SHORTEST and not is_name(one))
            return plaintext, *more

        VaultLib.decrypt_and_get_vault_id = heard

    def gave(self, text: str, value: Any) -> bool:
        """Return whether what a variable was rendered to, as JSON, comes out of one, or may."""
        origin = Origin.get_tag(value)
        if origin is not None and str(origin.path) in self.files:
            return True
        raw = json.dumps(value, default=str, ensure_ascii=False)
        return text != raw and any(one in text for one in self._telling)
