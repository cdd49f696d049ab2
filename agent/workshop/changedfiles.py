"""A remediation and edits of its files in, the changed texts out, once the loader has taken them."""

from __future__ import annotations

import difflib
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote

from agent.config.rulefiles import Rulebook
from agent.config.yamledit import with_item, with_value
from agent.decide import Remediation
from agent.decide.catalog import check_verifiable, load_remediation
from agent.errors import ConfigError, OpsmendError
from agent.records.changes import Edit
from agent.remediate.snapshot import project_of

_NO_END = "\\ No newline at end of file\n"
FIXES = "fixes"  # the one list that edits add to

Texts = Mapping[str, tuple[str, str]]
"""Of each file of a remediation's folder, by its name, the text as it is and as it would be."""


def changed_texts(remediation: Remediation, edits: Iterable[Edit]) -> Texts:
    """Return the files that edits change.

    Raises OpsmendError where a file cannot be edited so, or a patch could not be applied to it.
    """
    texts: dict[str, tuple[str, str]] = {}
    for edit in edits:
        file = remediation.folder / edit.file
        _refuse_links(remediation, file)
        try:
            old = texts[edit.file][0] if edit.file in texts else file.read_bytes().decode()
            now = texts[edit.file][1] if edit.file in texts else old
            adds = edit.path == (FIXES,)
            new = (
                with_item(now, edit.path, str(edit.value)) if adds else with_value(now, edit.path, edit.value)
            )
            texts[edit.file] = old, new
        except (OSError, ValueError, ConfigError) as error:
            raise OpsmendError(f"{edit.file} cannot be changed by itself: {error}") from error
    return texts


def _refuse_links(remediation: Remediation, file: Path) -> None:
    """Raise OpsmendError where a file, or a folder on the way to it, is a link: patch(1) follows none."""
    inside = [one for one in file.parents if one.is_relative_to(remediation.folder)]
    for place in (file, *inside):
        if place.is_symlink():
            copy = f"cp -r --remove-destination {quote(str(place.resolve()))} {quote(str(place))}"
            raise OpsmendError(
                f"{place} is a symbolic link to {place.readlink()}, and patch follows none: put what it "
                f"leads to in its place ({copy}), or change {file.resolve()} by hand"
            )


def check_changed(
    remediation: Remediation, texts: Texts, book: Rulebook, roles: Sequence[Path]
) -> Remediation:
    """Load a remediation as it would be, from a copy; return it.

    Raises ConfigError where it is refused, OpsmendError where it cannot be copied.
    """
    root = remediation.folder.parent
    with tempfile.TemporaryDirectory(prefix="opsmend-change-") as place:
        copy = Path(place) / "playbooks"
        folder = copy / remediation.name
        try:
            _copy(remediation.folder, copy)
        except OSError as error:
            raise OpsmendError(f"{remediation.folder} cannot be copied: {error}") from error
        for name, (_, new) in texts.items():
            (folder / name).write_bytes(new.encode())
        own = [copy / one.name if one.parent == root else one for one in roles]
        loaded = load_remediation(folder, book.faults, own)
        problems = list(check_verifiable({loaded.name: loaded}, book))
    if problems:
        raise ConfigError(problems)
    return replace(loaded, folder=remediation.folder)


def _copy(remediation: Path, place: Path) -> None:
    """Copy what the loader looks at: what a run of it would work on."""
    for inside, file in project_of(remediation).items():
        target = place / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def diff_of(remediation: Remediation, texts: Texts) -> str:
    """Return a unified diff; its paths count from the folder in which remediations stand."""
    parts = []
    for name, (old, new) in sorted(texts.items()):
        path = f"{remediation.name}/{name}"
        lines = difflib.unified_diff(_lines(old), _lines(new), f"a/{path}", f"b/{path}")
        parts += [line if line.endswith("\n") else f"{line}\n{_NO_END}" for line in lines]
    return "".join(parts)


def _lines(text: str) -> list[str]:
    """Return lines as patch and git count them: only a line feed ends one."""
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]
