"""A folder in, every file that it leads to out, and one digest of all of them."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from agent.errors import ConfigError, Problem

SKIPPED = frozenset({"molecule", "__pycache__", ".git", ".cache", ".venv"})
SKIPPED_OF_COLLECTIONS = frozenset({"tests", "docs", "changelogs"})
_MOST_FILES = 100_000
_MOST_BYTES = 1 << 30
_DIGITS = 32

Entries = dict[str, Path]  # by path inside of the tree


def entries_of(top: Path, skipped: Collection[str] = SKIPPED) -> Entries:
    """Return every file below a folder, links followed, by its path inside. Raises ConfigError."""
    found: Entries = {}
    for inside, file in _walk(top, "", skipped, frozenset()):
        found[inside] = file
        if len(found) > _MOST_FILES:
            hint = "name a smaller folder in ansible.cfg"
            raise ConfigError([Problem(top, f"holds more than {_MOST_FILES:,} files", hint=hint)])
    return dict(sorted(found.items()))


def _walk(
    folder: Path, inside: str, skipped: Collection[str], above: frozenset[tuple[int, int]]
) -> Iterator[tuple[str, Path]]:
    status = folder.stat()
    place = status.st_dev, status.st_ino
    if place in above:
        return  # a link to one of its own parents
    for entry in sorted(folder.iterdir()):
        if entry.name in skipped or entry.name.endswith(".pyc"):
            continue
        path = f"{inside}{entry.name}"
        if not path.isprintable():
            raise ConfigError([Problem(folder, f"has a file with an odd name: {path!r}", hint="rename it")])
        try:
            mode = entry.stat().st_mode
        except FileNotFoundError as error:
            if entry.name.startswith("."):
                continue  # an editor's lock
            message = "is a link that leads nowhere"
            raise ConfigError([Problem(entry, message, hint="remove it")]) from error
        if stat.S_ISDIR(mode):
            yield from _walk(entry, f"{path}/", skipped, above | {place})
        elif stat.S_ISREG(mode):
            yield path, entry
        else:
            hint = "what a run works on is copied: move it elsewhere"
            raise ConfigError([Problem(entry, "is no regular file", hint=hint)])


def state_of(file: Path) -> tuple[object, ...]:
    """Return what changes when the content of a file does."""
    status = file.stat()
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_mode


def digest_of_tree(entries: Entries) -> str:
    """Return one digest of the paths, contents and executable bits of a tree. Raises ConfigError, OSError."""
    digest = hashlib.sha256()
    size = 0
    for inside, file in entries.items():
        content = file.read_bytes()
        size += len(content)
        if size > _MOST_BYTES:
            raise ConfigError([Problem(file, "makes more than 1 GiB to be copied for a run")])
        kind = "x" if is_executable(file) else "-"
        digest.update(f"{inside}\0{kind}\0".encode("utf-8", "surrogateescape"))
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:_DIGITS]


def is_executable(file: Path) -> bool:
    """Return whether its owner may start a file."""
    return bool(file.stat().st_mode & stat.S_IXUSR)
