"""The agent's unit in, the secrets that systemd will hand to it out: who checks by hand has none of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from agent.check.unit import UNIT, ask_systemd

_GIVEN = Path("/run/credentials") / UNIT  # while the agent runs


def lay_out_credentials(folder: Path, owner: tuple[int, int] | None) -> None:
    """Let a check find what LoadCredential= of the unit names, as the agent will.

    Copies are made in ``folder`` for the user and group ``owner``: the unit's files are often root's alone.
    Raises OSError when they cannot be written.
    """
    if "CREDENTIALS_DIRECTORY" in os.environ:
        return
    if os.access(_GIVEN, os.R_OK | os.X_OK):
        os.environ["CREDENTIALS_DIRECTORY"] = str(_GIVEN)
        return
    for name, source in unit_credentials().items():
        copy = folder / name
        copy.touch(0o600)
        copy.write_bytes(source.read_bytes())
        if owner is not None:
            os.chown(copy, *owner)
    if any(folder.iterdir()):
        os.environ["CREDENTIALS_DIRECTORY"] = str(folder)


def unit_credentials() -> Mapping[str, Path]:
    """Return the files that LoadCredential= of the unit names and that can be read, by name."""
    said = ask_systemd("LoadCredential", unit=UNIT)
    return dict(_entries(" ".join(value for _, value in said)))


def _entries(text: str) -> Iterator[tuple[str, Path]]:
    for word in text.split():
        name, colon, path = word.partition(":")
        if colon and "/" not in name and Path(path).is_absolute() and os.access(path, os.R_OK):
            yield name, Path(path)
