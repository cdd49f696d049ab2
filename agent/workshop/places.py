"""What a command was told, and where it stands, in; the folders of rules and playbooks out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.config import find_config_file, load_settings
from agent.config.stock import LOCAL, default_folders, is_installed, is_stock
from agent.errors import ConfigError, Problem, RefusedError

_RULES, _PLAYBOOKS = Path("rules"), Path("playbooks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where rules and remediations are; a later folder adds to an earlier one or replaces by name.

    ``own`` are those that somebody named for it, by an option or by settings, and that did not come with
    opsmend: drafts go there and nowhere else.
    """

    rules: Sequence[Path]
    playbooks: Sequence[Path]
    own: frozenset[Path] = frozenset()

    @property
    def rules_for_drafts(self) -> Path:
        """Return where drafts of rules go. Raises RefusedError when there is no such folder."""
        return self._own(self.rules, "rules")

    @property
    def playbooks_for_drafts(self) -> Path:
        """Return where drafts of remediations go. Raises RefusedError when there is no such folder."""
        return self._own(self.playbooks, "playbooks")

    def _own(self, folders: Sequence[Path], kind: str) -> Path:
        for folder in reversed(folders):
            if folder in self.own:
                return folder
        raise RefusedError(
            f"no draft is written among what came with opsmend ({', '.join(map(str, folders))}): "
            f"name a folder of your own, as --{kind} {LOCAL / kind}, or add it to paths.{kind} in opsmend.yml"
        )

    @property
    def roles(self) -> list[Path]:
        """Return where roles are looked for."""
        return [folder / "roles" for folder in reversed(self.playbooks)]

    @property
    def shared(self) -> Path:
        """Return the folder with what all scenarios share. Raises ConfigError when there is none."""
        for folder in self.playbooks:
            if (folder / "molecule").is_dir():
                return folder / "molecule"
        raise ConfigError(
            [
                Problem(
                    self.playbooks[0],
                    "has no folder 'molecule'",
                    hint="add the stock playbooks' folder first",
                )
            ]
        )


def find_places(config: Path | None, rules: Sequence[Path] = (), playbooks: Sequence[Path] = ()) -> Places:
    """Return the folders to work with.

    Those that were named win; then the settings that were named; then ``rules`` and ``playbooks`` here,
    as in a checkout; then the settings in their default place; without any the stock folders and the
    local ones. Raises ConfigError.
    """
    named = {folder for folder in (*rules, *playbooks) if not is_installed(folder)}
    if not (rules and playbooks):
        known = _known(config)
        named |= known.own
        rules, playbooks = rules or known.rules, playbooks or known.playbooks
    problems = [Problem(one, "is no folder") for one in (*rules, *playbooks) if not one.is_dir()]
    if problems:
        raise ConfigError(problems)
    return Places(rules=tuple(rules), playbooks=tuple(playbooks), own=frozenset(named))


def _known(config: Path | None) -> Places:
    named = config or os.environ.get("OPSMEND_CONFIG")
    if not named and (_RULES / "faults.yml").is_file() and _PLAYBOOKS.is_dir():
        return Places(rules=(_RULES,), playbooks=(_PLAYBOOKS,))
    file = find_config_file(config)
    if not named and not file.exists():
        rules, playbooks = default_folders("rules"), default_folders("playbooks")
    else:
        paths = load_settings(file).paths
        rules, playbooks = tuple(paths.rules), tuple(paths.playbooks)
    own = frozenset(folder for folder in (*rules, *playbooks) if not is_stock(folder))
    return Places(rules=rules, playbooks=playbooks, own=own)
