"""Everything that a run of a remediation can carry out in, a copy of exactly that and its digest out.

A snapshot is made when remediations are loaded and kept under its digest; what people approve is a digest,
and what runs, the rollback of an hour later included, is the copy. It consists of trees: the remediation's
folder with what lies beside it, roles and plugins of other folders, collections, and ansible.cfg. Links are
followed, so what they lead to is part of it. Each tree is kept once, whoever uses it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from agent.config.permissions import check_permissions
from agent.errors import ConfigError, Problem, RunError
from agent.remediate.ansible_config import NAME, AnsibleConfig
from agent.remediate.filetree import (
    SKIPPED,
    SKIPPED_OF_COLLECTIONS,
    Entries,
    digest_of_tree,
    entries_of,
    is_executable,
    state_of,
)
from agent.wholefile import replacing

COLLECTIONS = "ANSIBLE_COLLECTIONS_PATH"
ROLES = "ANSIBLE_ROLES_PATH"
_METADATA = "remediation.yml"
_NEIGHBOUR = re.compile(r"\.\./([a-z][a-z0-9_]*)/")
_VAULT = b"$ANSIBLE_VAULT;"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The copy that a run works on.

    ``project`` holds the remediation's ``folder`` and what lies beside it; ``search`` names folders to
    Ansible, by environment variable. ``vaulted`` are files in which something is encrypted.
    """

    digest: str
    project: Path
    folder: Path
    search: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    config: Path | None = None
    vaulted: tuple[Path, ...] = ()

    @property
    def roots(self) -> tuple[Path, ...]:
        """Return all folders of the copy."""
        found = [self.project, *(path for paths in self.search.values() for path in paths)]
        return tuple(dict.fromkeys(found))


class Snapshots:
    """Makes snapshots and finds them again. Its folder is the agent's alone."""

    def __init__(
        self, folder: Path, playbooks: Sequence[Path], config: Callable[[], AnsibleConfig] = AnsibleConfig
    ) -> None:
        self._folder = folder
        self._playbooks = tuple(playbooks)
        self._config = config
        self._known: dict[tuple[str, ...], tuple[tuple[object, ...], str]] = {}

    def check(self) -> None:
        """Raise ConfigError when somebody else could write what ansible.cfg is, or leads runs to."""
        config = self._config()
        found = [path for paths in config.search.values() for path in paths]
        problems = list(
            check_permissions([*([config.file] if config.file else []), *config.vault_files, *found])
        )
        if problems:
            raise ConfigError(problems)

    def take(self, remediation: Path) -> str:
        """Keep a copy of what a remediation's folder can carry out; return its digest.

        Raises ConfigError for what cannot be read or is no file.
        """
        try:
            return self._write(remediation, self._trees(remediation))
        except RunError as error:
            raise ConfigError([Problem("ansible.cfg", str(error))]) from error
        except OSError as error:
            raise ConfigError(
                [Problem(error.filename or remediation, f"cannot be copied: {error}")]
            ) from error

    def digest_of(self, remediation: Path) -> str:
        """Return the digest of what is on disk now, empty when it cannot be read."""
        try:
            trees = self._trees(remediation)
            return _digest_of_manifest(self._manifest(remediation.name, trees))
        except (OSError, ConfigError, RunError):
            return ""

    def is_current(self, digest: str, remediation: Path) -> bool:
        """Return whether a snapshot holds what a run would carry out now of the folders of playbooks.

        That is the remediation's folder, those beside it, files beside them that something in these names,
        and the roles of the other folders of playbooks. It need not be asked as the agent's user, whose
        collections and plugins others do not have. A snapshot that is forgotten holds nothing.
        """
        try:
            content = orjson.loads((self._folder / f"{digest}.json").read_bytes())
            (tree,) = content["trees"]["project"]
            kept, now = entries_of(self._folder / tree), project_of(remediation)
            roles = [
                self._digest(one) for path in self._roles(remediation.parent) if (one := _files_in(path))
            ]
            return digest_of_tree(_used(kept)) == digest_of_tree(_used(now)) and set(roles) <= set(
                content["trees"][ROLES]
            )
        except (OSError, ValueError, KeyError, TypeError, ConfigError):
            return False

    def open(self, digest: str) -> Snapshot:
        """Return a snapshot. Raises RunError when it is not there, or is not what it was."""
        file = self._folder / f"{digest}.json"
        try:
            content = orjson.loads(file.read_bytes())
        except (OSError, orjson.JSONDecodeError) as error:
            raise RunError(
                f"the copy {digest[:12]} of what was approved is gone; reload the agent"
            ) from error
        trees: Mapping[str, Sequence[str]] = content["trees"]
        for tree in {one for group in trees.values() for one in group}:
            if digest_of_tree(entries_of(self._folder / tree)) != tree:
                raise RunError(f"the copy of what was approved was changed: {self._folder / tree}")
        project = self._folder / trees["project"][0]
        config = [self._folder / one / NAME for one in trees.get("config", ())]
        return Snapshot(
            digest=digest,
            project=project,
            folder=project / content["name"],
            search={
                name: tuple(self._folder / one for one in group)
                for name, group in trees.items()
                if name not in ("project", "config")
            },
            config=config[0] if config else None,
            vaulted=tuple(self._folder / one for one in content["vaulted"]),
        )

    def forget(self, needed: Collection[str]) -> None:
        """Remove all snapshots but those of the given digests."""
        kept: set[str] = set()
        for file in list(self._folder.glob("*.json")):
            if file.stem in needed:
                with suppress(OSError, orjson.JSONDecodeError):
                    kept |= {
                        one for group in orjson.loads(file.read_bytes())["trees"].values() for one in group
                    }
            else:
                file.unlink(missing_ok=True)
        for folder in list(self._folder.iterdir()) if self._folder.is_dir() else []:
            if folder.is_dir() and folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _trees(self, remediation: Path) -> dict[str, list[Entries]]:
        """Return what the snapshot consists of, each tree by paths inside of it."""
        config = self._config()
        root = remediation.parent
        trees: dict[str, list[Entries]] = {"project": [project_of(remediation)]}
        search = {ROLES: [*self._roles(root), *config.search.get(ROLES, ())]}
        search |= {name: list(paths) for name, paths in config.search.items() if name != ROLES}
        for name, paths in search.items():
            skipped = SKIPPED | (SKIPPED_OF_COLLECTIONS if name == COLLECTIONS else frozenset())
            found = [entries_of(path, skipped) for path in paths if path.is_dir()]
            trees[name] = [one for one in found if one]
        if config.file is not None:
            trees["config"] = [{NAME: config.file}]
        return trees

    def _roles(self, root: Path) -> list[Path]:
        """Return the folders of roles beside playbooks; a later folder's role replaces one by name."""
        folders = self._playbooks if root in self._playbooks else (*self._playbooks, root)
        return [one / "roles" for one in reversed(folders)]

    def _manifest(self, name: str, trees: Mapping[str, Sequence[Entries]]) -> dict[str, object]:
        digests = {kind: [self._digest(one) for one in group] for kind, group in trees.items()}
        return {"name": name, "trees": digests}

    def _digest(self, entries: Entries) -> str:
        """Return a tree's digest; its files are not read again while none of them has changed."""
        state = tuple(state_of(file) for file in entries.values())
        key = tuple(f"{inside}\0{file}" for inside, file in entries.items())
        known = self._known.get(key)
        if known is not None and known[0] == state:
            return known[1]
        digest = digest_of_tree(entries)
        self._known[key] = state, digest
        return digest

    def _write(self, remediation: Path, trees: Mapping[str, Sequence[Entries]]) -> str:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)
        digests: dict[str, list[str]] = {}
        vaulted: list[str] = []
        for kind, group in trees.items():
            digests[kind] = []
            for entries in group:
                tree = self._digest(entries)
                if not (self._folder / tree).is_dir():
                    tree = self._copy(entries)
                digests[kind].append(tree)
                vaulted += [f"{tree}/{inside}" for inside in _vaulted(self._folder / tree, entries)]
        manifest = {"name": remediation.name, "trees": digests}
        digest = _digest_of_manifest(manifest)
        with replacing(self._folder / f"{digest}.json") as stream:
            stream.write(orjson.dumps({**manifest, "vaulted": vaulted}))
        return digest

    def _copy(self, entries: Entries) -> str:
        """Copy a tree; its digest is that of the copy, whatever happened to the files meanwhile."""
        place = Path(tempfile.mkdtemp(prefix="new-", dir=self._folder))
        try:
            for inside, file in entries.items():
                target = place / inside
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                shutil.copyfile(file, target)
                target.chmod(0o700 if is_executable(file) else 0o600)
            tree = digest_of_tree(entries_of(place))
            with suppress(OSError):  # somebody else was first, with the same
                place.rename(self._folder / tree)
            return tree
        finally:
            shutil.rmtree(place, ignore_errors=True)


def project_of(remediation: Path) -> Entries:
    """Return the remediation's folder and everything beside it but the folders of other remediations."""
    root = remediation.parent
    found: Entries = {}
    wanted = [remediation]
    done: set[str] = set()
    while wanted:
        folder = wanted.pop()
        if folder.name in done:
            continue
        done.add(folder.name)
        entries = entries_of(folder)
        found |= {f"{folder.name}/{inside}": file for inside, file in entries.items()}
        wanted += [
            root / name for name in _neighbours(entries.values()) if (root / name / _METADATA).is_file()
        ]
    for path in sorted(root.iterdir()):
        if path.name.startswith(".") or path.name in SKIPPED or path.name in done:
            continue
        if path.is_dir() and not (path / _METADATA).is_file():
            found |= {f"{path.name}/{inside}": file for inside, file in entries_of(path).items()}
        elif path.is_file() and path.name != NAME:
            found[path.name] = path
    return dict(sorted(found.items()))


def _files_in(path: Path) -> Entries:
    return entries_of(path) if path.is_dir() else {}


def _used(entries: Entries) -> Entries:
    """Return what is in folders, and of the files beside them those that something else names."""
    found = {inside: file for inside, file in entries.items() if "/" in inside}
    beside = {inside: file for inside, file in entries.items() if "/" not in inside}
    unread = list(found.values())
    while unread:
        content = unread.pop().read_bytes()
        for name in [one for one in beside if one.encode("utf-8", "surrogateescape") in content]:
            found[name] = beside.pop(name)
            unread.append(found[name])
    return dict(sorted(found.items()))


def _neighbours(files: Iterable[Path]) -> set[str]:
    texts = (file.read_text(errors="replace") for file in files if file.suffix in (".yml", ".yaml"))
    return {name for text in texts for name in _NEIGHBOUR.findall(text)}


def _digest_of_manifest(manifest: Mapping[str, object]) -> str:
    return hashlib.sha256(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _vaulted(tree: Path, entries: Entries) -> Iterator[str]:
    for inside in entries:
        if _VAULT in (tree / inside).read_bytes():
            yield inside
