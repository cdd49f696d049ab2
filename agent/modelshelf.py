"""Models of one kind in, files on a shelf out, and back: nothing that is read from a file is ever run.

A shelf is a folder. Each training writes a folder of its own with a manifest; a pointer, replaced by rename,
names the one in force, so a reader sees the old models or the new, never a part. A second pointer names the
one that runs beside it: asked the same, compared, acted on by nobody. Models are written by skops; what is no
plain number, text or array is refused unless its type is on an explicit list. What is plain numbers is JSON.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import orjson

from agent.errors import ConflictError, ModelError, NotFoundError
from agent.modelfiles import Written, WrittenFile, give_to_owner, make_folder, read_checked, write_file
from agent.records.training import TrainingKind

_LIBRARIES = ("numpy", "pyod", "scikit-learn", "skops")
_POINTER = "current.json"
_BESIDE = "shadow.json"
_MANIFEST = "manifest.json"
_WRITING = ".writing-"
_REMEMBERED = 10  # trainings that were in force before
_KEPT = 3  # trainings: the one in force and what it replaced
_FOLDER = re.compile(r"^[0-9]{8}T[0-9]{6}Z(?:-[0-9]+)?$")
_FILE = re.compile(r"^[0-9]{5}\.(skops|json)$")


class Training(Protocol):
    """What a manifest says of one training."""

    @property
    def name(self) -> str:
        """Return the name of its folder."""

    @property
    def made_at(self) -> datetime:
        """Return when it was made."""

    @property
    def version(self) -> str:
        """Return by which version of the agent."""

    @property
    def trained_from(self) -> datetime:
        """Return where the time begins that it learned from."""

    @property
    def trained_to(self) -> datetime:
        """Return where that time ends."""

    @property
    def why(self) -> str:
        """Return why it was put in force or not, or what has to be said of it."""

    @property
    def cards(self) -> Collection[WrittenFile]:
        """Return its files."""


T = TypeVar("T", bound=Training)


class ModelShelf(ABC, Generic[T]):
    """The models of one kind. ``trusted`` are the types that its files may hold beside what is harmless."""

    kind: TrainingKind
    format: int
    command: str  # what people are told to do about models that cannot be used

    def __init__(self, folder: Path, trusted: Iterable[str] = ()) -> None:
        self.folder = folder
        self._trusted = list(trusted)

    @abstractmethod
    def _read(self, data: Mapping[str, Any]) -> T:
        """Return what a manifest says. Raises KeyError, TypeError, ValueError."""

    def check(self, training: T) -> None:
        """Raise ModelError when a file is not what was written, or holds what is not trusted."""
        for card in training.cards:
            file = self.folder / training.name / card.file
            self._check_types(read_checked(file, card), str(file))

    def promote(self, name: str, at: datetime) -> T:
        """Put a training that is on the shelf in force, once all of its files are what was written.

        Raises ModelError when one is not, NotFoundError, OSError. What was in force stays on the shelf.
        """
        return self._put_there(name, at, _POINTER)

    def set_beside(self, name: str, at: datetime) -> T:
        """Have a training that is on the shelf run beside the one in force, checked as for promotion.

        Raises ModelError when a file is not what was written, ConflictError when it is in force itself,
        NotFoundError, OSError.
        """
        with suppress(ModelError):  # what cannot be read is not in force
            current = self.current()
            if current is not None and current.name == name:
                raise ConflictError(f"training '{name}' is in force: it cannot run beside itself")
        return self._put_there(name, at, _BESIDE)

    def end_beside(self) -> None:
        """Have nothing run beside the one in force; the training stays on the shelf. Raises OSError."""
        (self.folder / _BESIDE).unlink(missing_ok=True)

    def before_current(self) -> str:
        """Return the training that was in force before the one that is. Raises NotFoundError.

        Where what is in force cannot be read, that is the newest that can be and does not run beside.
        """
        names = [one.name for one in self.generations()]
        try:
            self.current()
            older = [name for name in self._in_turn() if name in names][:-1]
        except ModelError:
            beside = self._in_turn(_BESIDE)
            older = [name for name in names[::-1] if name not in beside]
        if not older:
            raise NotFoundError("no older training is on the shelf; opsmend models list shows what is")
        return older[-1]

    def changed_at(self) -> datetime | None:
        """Return when a training was made, put in force or beside it last, None where there is none.

        Raises ModelError where what is in force or beside cannot be read and nothing else can.
        """
        newest = next(self._readable(), None)
        times, refused = [newest.made_at] if newest is not None else [], None
        for pointer in (_POINTER, _BESIDE):
            try:
                since = self._since(pointer)
            except ModelError as error:
                refused = error
            else:
                times += [since] if since is not None else []
        if refused is not None and newest is None:
            raise refused
        return max(times, default=None)

    def _readable(self) -> Iterator[T]:
        for name in sorted(self._names(), reverse=True):
            with suppress(ModelError):
                yield self._read_manifest(name, None)

    def _since(self, pointer: str) -> datetime | None:
        current = self._pointed_to(pointer)
        if current is None:
            return None
        file = self.folder / pointer
        try:
            content = orjson.loads(file.read_bytes())
            return datetime.fromisoformat(content["at"]) if "at" in content else current.made_at
        except (OSError, orjson.JSONDecodeError, TypeError, ValueError) as error:
            raise ModelError(f"{file} cannot be read: {error}; train again ({self.command})") from error

    def stamp(self) -> tuple[int, int] | None:
        """Return what changes when other models are put in force; None while there are none."""
        return self._stamp_of(_POINTER)

    def generations(self) -> list[T]:
        """Return what is on the shelf and can be read, the newest first."""
        return list(self._readable())

    def find(self, name: str) -> T:
        """Return a training that is on the shelf. Raises NotFoundError, ModelError."""
        if name not in self._names():
            known = ", ".join(sorted(self._names(), reverse=True)) or "none"
            raise NotFoundError(
                f"there is no training '{name[:60]}' of kind {self.kind} on the shelf; known: {known}"
            )
        return self._read_manifest(name, None)

    def current(self) -> T | None:
        """Return the training in force, None when nothing was ever trained. Raises ModelError."""
        return self._pointed_to(_POINTER)

    def shadow(self) -> T | None:
        """Return the training that runs beside the one in force, None without one. Raises ModelError."""
        return self._pointed_to(_BESIDE)

    def stamps(self) -> tuple[tuple[int, int] | None, ...]:
        """Return what changes when another training is put in force or beside it."""
        return self.stamp(), self._stamp_of(_BESIDE)

    def _stamp_of(self, pointer: str) -> tuple[int, int] | None:
        try:
            found = (self.folder / pointer).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino

    def _pointed_to(self, pointer: str) -> T | None:
        file = self.folder / pointer
        try:
            content = orjson.loads(file.read_bytes())
            name, sha256 = str(content["generation"]), str(content["sha256"])
        except FileNotFoundError:
            return None
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise ModelError(f"{file} cannot be read: {error}; train again ({self.command})") from error
        return self._read_manifest(name, sha256)

    def _keep(self, made_at: datetime, write: Callable[[Path, str], T], *, in_force: bool) -> T:
        """Have a training written into a folder of its own, and put it in force or beside what is.

        Raises ModelError when a model cannot be kept, OSError.
        """
        make_folder(self.folder)
        for left in self.folder.glob(f"{_WRITING}*"):  # by one that was killed; trainings are one at a time
            shutil.rmtree(left, ignore_errors=True)
        partial = Path(tempfile.mkdtemp(prefix=_WRITING, dir=self.folder))
        give_to_owner(partial)
        try:
            training = write(partial, self._free_name(made_at))
            plain = orjson.loads(orjson.dumps(training))
            manifest = orjson.dumps({"format": self.format, **plain}, option=orjson.OPT_INDENT_2)
            write_file(partial / _MANIFEST, manifest)
            partial.chmod(0o700)
            partial.rename(self.folder / training.name)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        self._point_to(training.name, manifest, made_at, _POINTER if in_force else _BESIDE)
        self._forget_old({training.name, *self._settle()})
        return training

    def _put_there(self, name: str, at: datetime, pointer: str) -> T:
        self.find(name)
        manifest = (self.folder / name / _MANIFEST).read_bytes()
        training = self._read_manifest(name, hashlib.sha256(manifest).hexdigest())
        self.check(training)
        self._point_to(name, manifest, at, pointer)
        self._settle()
        return training

    def _settle(self) -> set[str]:
        """Have nothing beside that is in force now; return what is needed: both, and what was before."""
        found = []
        for pointer in (self.current, self.shadow):
            with suppress(ModelError):
                if (one := pointer()) is not None:
                    found.append(one.name)
        if len(found) > 1 and found[0] == found[1]:
            self.end_beside()
        return {*found, *[name for name in self._in_turn() if name in self._names()][-2:]}

    def _write_state(self, folder: Path, number: int, state: Mapping[str, Any], what: str) -> Written:
        """Write a model's state. Raises ModelError when it holds what this shelf would not read again."""
        import skops.io

        content = skops.io.dumps(state)
        self._check_types(content, what)
        return self._write_content(folder / f"{number:05d}.skops", content)

    def _write_content(self, file: Path, content: bytes) -> Written:
        write_file(file, content)
        return Written(file=file.name, sha256=hashlib.sha256(content).hexdigest(), size=len(content))

    def _read_state(self, file: Path, card: WrittenFile) -> Any:
        """Read a model's state. Raises ModelError when the file is not exactly what was written."""
        content = read_checked(file, card)
        import skops.io

        try:
            self._check_types(content, str(file))
            return skops.io.loads(content, trusted=self._trusted)
        except ModelError:
            raise
        except Exception as error:  # whatever a file that was tampered with makes a reader raise
            raise self._no_model(file, error) from error

    def _no_model(self, file: Path | str, error: Exception) -> ModelError:
        return ModelError(f"{file} is refused: it holds no model of format {self.format} ({error!r:.200})")

    def _check_types(self, content: bytes, what: str) -> None:
        import skops.io

        try:
            strange = set(skops.io.get_untrusted_types(data=content)) - set(self._trusted)
        except Exception as error:  # whatever a file that was tampered with makes a reader raise
            raise self._no_model(what, error) from error
        if strange:
            raise ModelError(
                f"{what} is refused: it holds what is not trusted ({', '.join(sorted(strange))})"
            )

    def _read_manifest(self, name: str, sha256: str | None) -> T:
        if not _FOLDER.match(name):
            raise ModelError(f"{self.folder / _POINTER} names no training: '{name[:60]}'")
        file = self.folder / name / _MANIFEST
        try:
            content = file.read_bytes()
            if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
                raise ModelError(
                    f"{file} is refused: it was changed since it was written; train again ({self.command})"
                )
            data: dict[str, Any] = orjson.loads(content)
            if data.get("format") != self.format:
                other = f"it has format {data.get('format')!r}, this version reads {self.format}"
                raise ModelError(f"{file} is refused: {other}; train again ({self.command})")
            training = self._read(data)
            for card in training.cards:
                if not _FILE.match(card.file):
                    raise ValueError(f"'{card.file[:60]}' is no file of a shelf")
        except ModelError:
            raise
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"{file} cannot be read: {error}; train again ({self.command})") from error
        return training

    def _point_to(self, name: str, manifest: bytes, at: datetime, pointer: str = _POINTER) -> None:
        sha256 = hashlib.sha256(manifest).hexdigest()
        content: dict[str, Any] = {"format": self.format, "generation": name, "sha256": sha256}
        content["at"] = at.isoformat()
        if pointer == _POINTER:
            turn = self._in_turn()
            formerly = turn[: turn.index(name)] if name in turn else turn  # what came after is taken back
            content["formerly"] = formerly[-_REMEMBERED:]
        write_file(self.folder / pointer, orjson.dumps(content))

    def _in_turn(self, pointer: str = _POINTER) -> list[str]:
        """Return the trainings that were in force, the one that is last; none where nobody can read that."""
        try:
            content = orjson.loads((self.folder / pointer).read_bytes())
            return [*map(str, content.get("formerly", ())), str(content["generation"])]
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return []

    def _names(self) -> list[str]:
        if not self.folder.is_dir():
            return []
        return [one.name for one in self.folder.iterdir() if one.is_dir() and _FOLDER.match(one.name)]

    def _free_name(self, made_at: datetime) -> str:
        base = f"{made_at:%Y%m%dT%H%M%SZ}"
        taken = set(self._names())
        return next(name for n in range(1000) if (name := f"{base}-{n}" if n else base) not in taken)

    def _forget_old(self, needed: Collection[str]) -> None:
        """Remove the oldest trainings; those that are ``needed`` stay."""
        old = sorted(name for name in self._names() if name not in needed)
        for name in old[: max(len(old) - (_KEPT - len(needed)), 0)]:
            shutil.rmtree(self.folder / name, ignore_errors=True)


def installed() -> dict[str, str]:
    """Return the versions of what models are made of; what is not installed is left out."""
    found = {}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def moments(data: Mapping[str, Any], *keys: str) -> dict[str, datetime]:
    """Return times of a manifest. Raises KeyError, ValueError."""
    return {key: datetime.fromisoformat(data[key]) for key in keys}
