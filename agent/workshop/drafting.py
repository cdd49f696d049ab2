"""A draft of rules in, files out: tried beside all other rules before, and never over what is there."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from agent.config import load_rules
from agent.config.rulefiles import Rulebook
from agent.errors import ConfigError, OpsmendError, Problem
from agent.wholefile import replacing
from agent.workshop.ruledraft import Draft
from agent.workshop.ruletests import rule_test_files, run_rule_tests


def try_out(made: Draft, folders: Sequence[Path]) -> Rulebook:
    """Return all rules with the draft.

    Raises ConfigError when it does not do what its story says beside all other rules.
    """
    with tempfile.TemporaryDirectory(prefix="opsmend-draft-") as place:
        keep(made, Path(place))
        book = load_rules([*folders, Path(place)])
        report = run_rule_tests(book, rule_test_files([Path(place)]))
    if report.problems:
        raise ConfigError(report.problems)
    return book


def keep(made: Draft, folder: Path) -> None:
    """Write a draft. Raises ConfigError rather than write over anything, OpsmendError."""
    there = [folder / name for name in made.files if (folder / name).exists()]
    if there:
        raise ConfigError([Problem(file, "stands there already", hint="remove it first") for file in there])
    for name, text in made.files.items():
        try:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with replacing(folder / name, 0o666) as stream:
                stream.write(text.encode())
        except OSError as error:
            raise OpsmendError(f"{folder / name} cannot be written: {error.strerror or error}") from error
