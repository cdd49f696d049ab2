"""Hosts' variables in, texts without their secrets out.

Ansible hides what ``no_log`` covers; a secret still shows where an author forgot it, or in an error. What
counts as secret: every vaulted variable, and every variable whose name says so.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson

from agent.log import SECRET_NAME, Logger
from agent.records import InventoryHost

log = Logger("remediate")

_SHORTEST = 4  # shorter values would blacken ordinary words
_SHOWN = "[secret]"
_TIMEOUT_S = 30


class Redactor:
    """Takes the secrets of some hosts out of texts.

    Vaulted values are decrypted by a process of its own, while Ansible starts; the first text waits.
    """

    def __init__(self, hosts: Iterable[InventoryHost], vault_password_file: Path | None) -> None:
        plain: set[str] = set()
        vaulted: set[str] = set()
        for host in hosts:
            for name, value in _walk("", host.variables):
                if isinstance(value, dict):
                    vaulted.add(value["__ansible_vault"])
                elif SECRET_NAME.search(name):
                    plain.add(value)
        self._plain = plain
        self._decrypted: Future[list[str]] | None = None
        if vaulted and vault_password_file:
            pool = ThreadPoolExecutor(1, thread_name_prefix="secrets")
            self._decrypted = pool.submit(_decrypt, sorted(vaulted), vault_password_file)
            pool.shutdown(wait=False)
        self._pattern: re.Pattern[str] | None = None

    def clean(self, text: str) -> str:
        """Return a text without secrets."""
        if not text or (not self._plain and self._decrypted is None):
            return text
        if self._pattern is None:
            known = self._plain | set(self._decrypted.result() if self._decrypted else ())
            self._pattern = _pattern(known)
        return self._pattern.sub(_SHOWN, text)


def _pattern(secrets: Iterable[str]) -> re.Pattern[str]:
    # long ones first, so that one that contains another is taken whole; in JSON they stand escaped
    forms = {form for one in secrets for form in (one, orjson.dumps(one).decode()[1:-1])}
    useful = sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, useful)) if useful else r"(?!)")


def _walk(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield strings with the name they stand under, and vaulted values as they are."""
    if isinstance(value, Mapping):
        if set(value) == {"__ansible_vault"}:
            yield name, dict(value)
        elif set(value) == {"__ansible_unsafe"}:
            yield name, value["__ansible_unsafe"]
        else:
            for key, child in value.items():
                yield from _walk(f"{name}.{key}", child)
    elif isinstance(value, list):
        for child in value:
            yield from _walk(name, child)
    elif isinstance(value, str):
        yield name, value


def _decrypt(vaulted: list[str], password_file: Path) -> list[str]:
    job = orjson.dumps({"vaulted": vaulted, "password_file": str(password_file)})
    done = subprocess.run(
        [sys.executable, "-m", "agent.remediate.unvault"],
        input=job,
        capture_output=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        log.warning("vaulted values cannot be read for redaction")
        return []
    secrets: list[str] = orjson.loads(done.stdout)
    return secrets
