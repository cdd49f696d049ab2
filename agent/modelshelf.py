"""Models of one kind in, files on a shelf out, and back: nothing that is read from a file is ever run.

A shelf is a folder. Each training writes a folder of its own with a manifest; a pointer, replaced by rename,
names the one in force, so a reader sees the old models or the new, never a part. Models are written by skops;
what is no plain number, text or array is refused unless its type is on an explicit list.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import orjson

from agent.errors import ModelError, NotFoundError

_LIBRARIES = ("numpy", "pyod", "scikit-learn", "skops")
_POINTER = "current.json"
_MANIFEST = "manifest.json"
_REMEMBERED = 10  # trainings that were in force before
_KEPT = 3  # trainings: the one in force and what it replaced
_FOLDER = re.compile(r"^[0-9]{8}T[0-9]{6}Z(?:-[0-9]+)?$")
_FILE = re.compile(r"^[0-9]{5}\.skops$")
_LARGEST_FILE = 256 << 20


class WrittenFile(Protocol):
    """What a manifest says of one file."""

    @property
    def file(self) -> str:
        """Return its name."""

    @property
    def sha256(self) -> str:
        """Return its checksum."""

    @property
    def size(self) -> int:
        """Return its length in bytes."""


class Training(Protocol):
    """What a manifest says of one training."""

    @property
    def name(self) -> str:
        """Return the name of its folder."""

    @property
    def made_at(self) -> datetime:
        """Return when it was made."""

    @property
    def cards(self) -> Collection[WrittenFile]:
        """Return its files."""


T = TypeVar("T", bound=Training)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file as it was written."""

    file: str
    sha256: str
    size: int


class ModelShelf(ABC, Generic[T]):
    """The models of one kind. ``trusted`` are the types that its files may hold beside what is harmless."""

    format: int
    command = "opsmend train"  # what people are told to do about models that cannot be used

    def __init__(self, folder: Path, trusted: Iterable[str] = ()) -> None:
        self.folder = folder
        self._trusted = list(trusted)

    @abstractmethod
    def _read(self, data: Mapping[str, Any]) -> T:
        """Return what a manifest says. Raises KeyError, TypeError, ValueError."""

    def promote(self, name: str, at: datetime) -> T:
        """Put a training that is on the shelf in force, once all of its files are what was written.

        Raises ModelError when one is not, NotFoundError, OSError. What was in force stays on the shelf.
        """
        if name not in self._names():
            known = ", ".join(sorted(self._names(), reverse=True)) or "none"
            raise NotFoundError(f"there is no training '{name[:60]}' on the shelf; known: {known}")
        manifest = (self.folder / name / _MANIFEST).read_bytes()
        training = self._read_manifest(name, hashlib.sha256(manifest).hexdigest())
        for card in training.cards:
            file = self.folder / name / card.file
            self._check_types(read_checked(file, card), str(file))
        self._point_to(name, manifest, at)
        return training

    def before_current(self) -> str:
        """Return the training that was in force before the one that is. Raises NotFoundError.

        Where nobody knows any more, that is the newest older one; where what is in force cannot be read, the
        newest that can.
        """
        names = [one.name for one in self.generations()]
        turn = [name for name in self._in_turn() if name in names]
        try:
            current = self.current()
        except ModelError:
            current = None
        if current is not None and len(turn) > 1:
            return turn[-2]
        older = [name for name in names if current is None or name < current.name]
        older = [name for name in older if self._may_go_back_to(name, current)]
        if not older:
            raise NotFoundError("no older training is on the shelf; opsmend models list shows what is")
        return older[0]

    def _may_go_back_to(self, name: str, current: T | None) -> bool:
        """Return whether a training was in force, although it is not written when."""
        return True

    def in_force_since(self) -> datetime | None:
        """Return when the training in force was put there, by a training or a person. Raises ModelError."""
        current = self.current()
        if current is None:
            return None
        try:
            pointer = orjson.loads((self.folder / _POINTER).read_bytes())
            return datetime.fromisoformat(pointer["at"]) if "at" in pointer else current.made_at
        except (OSError, orjson.JSONDecodeError, TypeError, ValueError) as error:
            raise ModelError(f"{self.folder / _POINTER} cannot be read: {error}; train again") from error

    def stamp(self) -> tuple[int, int] | None:
        """Return what changes when other models are put in force; None while there are none."""
        return self._stamp_of(_POINTER)

    def generations(self) -> list[T]:
        """Return what is on the shelf and can be read, the newest first."""
        found = []
        for name in sorted(self._names(), reverse=True):
            with suppress(ModelError):
                found.append(self._read_manifest(name, None))
        return found

    def current(self) -> T | None:
        """Return the training in force, None when nothing was ever trained. Raises ModelError."""
        return self._pointed_to(_POINTER)

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

    def _keep(self, made_at: datetime, write: Callable[[Path, str], T]) -> tuple[T, bytes]:
        """Have a training written into a folder of its own; return it, and its manifest.

        Raises ModelError when a model cannot be kept, OSError.
        """
        make_folder(self.folder)
        partial = Path(tempfile.mkdtemp(prefix=".writing-", dir=self.folder))
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
        return training, manifest

    def _write_state(self, folder: Path, number: int, state: Mapping[str, Any], what: str) -> Written:
        """Write a model's state. Raises ModelError when it holds what this shelf would not read again."""
        import skops.io

        content = skops.io.dumps(state)
        self._check_types(content, what)
        file = f"{number:05d}.skops"
        write_file(folder / file, content)
        return Written(file=file, sha256=hashlib.sha256(content).hexdigest(), size=len(content))

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

    def _no_model(self, file: Path, error: Exception) -> ModelError:
        return ModelError(f"{file} is refused: it holds no model of format {self.format} ({error!r:.200})")

    def _check_types(self, content: bytes, what: str) -> None:
        import skops.io

        strange = set(skops.io.get_untrusted_types(data=content)) - set(self._trusted)
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
                raise ModelError(f"{file} is refused: it was changed since it was written; train again")
            data: dict[str, Any] = orjson.loads(content)
            if data.get("format") != self.format:
                other = f"it has format {data.get('format')!r}, this version reads {self.format}"
                raise ModelError(f"{file} is refused: {other}; train again")
            training = self._read(data)
            for card in training.cards:
                if not _FILE.match(card.file):
                    raise ValueError(f"'{card.file[:60]}' is no file of a shelf")
        except ModelError:
            raise
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"{file} cannot be read: {error}; train again") from error
        return training

    def _point_to(self, name: str, manifest: bytes, at: datetime, pointer: str = _POINTER) -> None:
        sha256 = hashlib.sha256(manifest).hexdigest()
        content: dict[str, Any] = {"format": self.format, "generation": name, "sha256": sha256}
        content["at"] = at.isoformat()
        if pointer == _POINTER:
            turn = self._in_turn()
            formerly = turn[: turn.index(name)] if name in turn else turn  # what came after is taken back
            content["formerly"] = formerly[-_REMEMBERED:]
        partial = self.folder / f".{pointer}.{os.getpid()}"
        write_file(partial, orjson.dumps(content))
        partial.replace(self.folder / pointer)

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


def read_checked(file: Path, card: WrittenFile) -> bytes:
    """Return the bytes of a file. Raises ModelError when they are not those that were written."""
    try:
        size = file.stat().st_size
        if size != card.size or size > _LARGEST_FILE:
            raise ModelError(f"{file} is refused: it has {size} bytes, {card.size} were written")
        content = file.read_bytes()
    except OSError as error:
        raise ModelError(f"{file} cannot be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != card.sha256:
        raise ModelError(f"{file} is refused: it was changed since it was written (its checksum is another)")
    return content


def write_file(file: Path, content: bytes) -> None:
    """Write a file that the owner of its folder alone may read, down to the disk. Raises OSError."""
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    file.chmod(0o600)
    give_to_owner(file)


def make_folder(folder: Path) -> None:
    """Make a folder, and those that hold it, for their owner alone. Raises OSError."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
        give_to_owner(one)


def give_to_owner(path: Path) -> None:
    """Give what root has made to who owns the folder that it is in: the agent has to read it."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def moments(data: Mapping[str, Any], *keys: str) -> dict[str, datetime]:
    """Return times of a manifest. Raises KeyError, ValueError."""
    return {key: datetime.fromisoformat(data[key]) for key in keys}
