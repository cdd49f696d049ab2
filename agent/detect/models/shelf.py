"""Entity models in, files on a shelf out, and back: nothing that is read from a file is ever run.

A shelf is a folder. Each training writes a folder of its own, ``current.json`` names the one in force and is
replaced by rename, so a reader sees the old models or the new, never a part. Models are written by skops;
what is no plain number, text or array is refused unless its type is on an explicit list.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from agent import __version__
from agent.detect.models.catalog import BY_NAME
from agent.detect.models.entitymodel import EntityModel
from agent.errors import ModelError, NotFoundError

FORMAT = 2
# what PyOD's detectors are made of beside themselves and what skops knows to be harmless
TRUSTED_PARTS = (
    "pyod.models.kpca.PyODKernelPCA",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.tree._tree.Tree",
)
_LIBRARIES = ("numpy", "pyod", "scikit-learn", "skops")
_POINTER = "current.json"
_MANIFEST = "manifest.json"
_KEPT = 3  # generations: the one in force and what it replaced
_FOLDER = re.compile(r"^[0-9]{8}T[0-9]{6}Z(?:-[0-9]+)?$")
_FILE = re.compile(r"^[0-9]{5}\.skops$")
_LARGEST_FILE = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the manifest says of one entity's file."""

    file: str
    entity: str
    series: int
    members: Mapping[str, float]  # and their weights
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One training's result: when it was made, from what, and a card for each entity."""

    name: str
    made_at: datetime
    version: str
    step_s: float
    trained_from: datetime
    trained_to: datetime
    note: str
    cards: Sequence[Card]
    libraries: Mapping[str, str] = field(default_factory=dict)


class Shelf:
    """The models of one agent. ``detectors`` are the class paths that its settings name: they are trusted."""

    def __init__(self, folder: Path, detectors: Iterable[str] = ()) -> None:
        self.folder = folder
        self._trusted = [*TRUSTED_PARTS, *(path for path in detectors if path not in BY_NAME)]

    def put(
        self,
        models: Iterable[EntityModel],
        *,
        made_at: datetime,
        trained_from: datetime,
        trained_to: datetime,
        note: str = "",
    ) -> Generation:
        """Write models and put them in force. Raises ModelError when one cannot be kept, OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = Path(tempfile.mkdtemp(prefix=".writing-", dir=self.folder))
        try:
            cards, step_s = self._write(models, partial)
            generation = Generation(
                name=self._free_name(made_at),
                made_at=made_at,
                version=__version__,
                step_s=step_s,
                trained_from=trained_from,
                trained_to=trained_to,
                note=note,
                cards=cards,
                libraries=_installed(),
            )
            manifest = orjson.dumps({"format": FORMAT, **_plain(generation)}, option=orjson.OPT_INDENT_2)
            _write(partial / _MANIFEST, manifest)
            partial.chmod(0o700)
            partial.rename(self.folder / generation.name)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        self._point_to(generation.name, manifest, made_at)
        self._forget_old(generation.name)
        return generation

    def promote(self, name: str, at: datetime) -> Generation:
        """Put a training that is on the shelf in force, once all of its files are what was written.

        Raises ModelError when one is not, NotFoundError, OSError. What was in force stays on the shelf.
        """
        if name not in self._names():
            known = ", ".join(sorted(self._names(), reverse=True)) or "none"
            raise NotFoundError(f"there is no training '{name[:60]}' on the shelf; known: {known}")
        manifest = (self.folder / name / _MANIFEST).read_bytes()
        generation = self._read_manifest(name, hashlib.sha256(manifest).hexdigest())
        for card in generation.cards:
            file = self.folder / name / card.file
            self._check_types(_read_checked(file, card), str(file))
        self._point_to(name, manifest, at)
        return generation

    def before_current(self) -> str:
        """Return the training that was made before the one in force. Raises NotFoundError, ModelError.

        Where what is in force cannot be read, that is the newest that can.
        """
        try:
            current = self.current()
        except ModelError:
            current = None
        names = [one.name for one in self.generations()]
        older = [name for name in names if current is None or name < current.name]
        if not older:
            raise NotFoundError("no older training is on the shelf; opsmend models list shows what is")
        return older[0]

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
        try:
            found = (self.folder / _POINTER).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino

    def generations(self) -> list[Generation]:
        """Return what is on the shelf and can be read, the newest first."""
        found = []
        for name in sorted(self._names(), reverse=True):
            try:
                found.append(self._read_manifest(name, None))
            except ModelError:
                continue
        return found

    def current(self) -> Generation | None:
        """Return the generation in force, None when nothing was ever trained. Raises ModelError."""
        file = self.folder / _POINTER
        try:
            pointer = orjson.loads(file.read_bytes())
            name, sha256 = str(pointer["generation"]), str(pointer["sha256"])
        except FileNotFoundError:
            return None
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise ModelError(f"{file} cannot be read: {error}; train again (opsmend train)") from error
        return self._read_manifest(name, sha256)

    def load(self, generation: Generation) -> Iterator[EntityModel | ModelError]:
        """Yield each model, or why its file is refused; the others are none the worse for it."""
        for card in generation.cards:
            try:
                yield self.load_one(generation, card)
            except ModelError as error:
                yield error

    def load_one(self, generation: Generation, card: Card) -> EntityModel:
        """Read one model. Raises ModelError when the file is not exactly what was written."""
        file = self.folder / generation.name / card.file
        content = _read_checked(file, card)
        foreign = [name for name in card.members if name not in BY_NAME]
        if foreign and generation.libraries != (now := _installed()):
            changed = ", ".join(sorted(dict(generation.libraries.items() ^ now.items())))
            raise ModelError(f"{file} is refused: {foreign[0]} was kept with another {changed}; train again")
        import skops.io

        try:
            self._check_types(content, str(file))
            state = skops.io.loads(content, trusted=self._trusted)
            model = EntityModel.from_state(state)
        except ModelError:
            raise
        except Exception as error:  # whatever a file that was tampered with makes a reader raise
            raise ModelError(
                f"{file} is refused: it holds no model of format {FORMAT} ({error!r:.200})"
            ) from error
        if model.entity != card.entity:
            raise ModelError(f"{file} is refused: it is the model of another entity")
        return model

    def _write(self, models: Iterable[EntityModel], folder: Path) -> tuple[list[Card], float]:
        import skops.io

        cards: list[Card] = []
        step_s = 0.0
        for number, model in enumerate(models):
            content = skops.io.dumps(model.state())
            self._check_types(content, f"the model of {model.entity}")
            file = f"{number:05d}.skops"
            _write(folder / file, content)
            step_s = model.plan.step_s
            cards.append(
                Card(
                    file=file,
                    entity=model.entity,
                    series=len(model.keys),
                    members=dict(model.fusion.weights),
                    sha256=hashlib.sha256(content).hexdigest(),
                    size=len(content),
                )
            )
        return cards, step_s

    def _check_types(self, content: bytes, what: str) -> None:
        import skops.io

        strange = set(skops.io.get_untrusted_types(data=content)) - set(self._trusted)
        if strange:
            raise ModelError(
                f"{what} is refused: it holds what is not trusted ({', '.join(sorted(strange))})"
            )

    def _read_manifest(self, name: str, sha256: str | None) -> Generation:
        if not _FOLDER.match(name):
            raise ModelError(f"{self.folder / _POINTER} names no training: '{name[:60]}'")
        file = self.folder / name / _MANIFEST
        try:
            content = file.read_bytes()
            if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
                raise ModelError(f"{file} is refused: it was changed since it was written; train again")
            data: dict[str, Any] = orjson.loads(content)
            if data.get("format") != FORMAT:
                other = f"it has format {data.get('format')!r}, this version reads {FORMAT}"
                raise ModelError(f"{file} is refused: {other}; train again")
            return _generation(data)
        except ModelError:
            raise
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"{file} cannot be read: {error}; train again") from error

    def _point_to(self, name: str, manifest: bytes, at: datetime) -> None:
        sha256 = hashlib.sha256(manifest).hexdigest()
        pointer = {"format": FORMAT, "generation": name, "sha256": sha256, "at": at.isoformat()}
        partial = self.folder / f".{_POINTER}.{os.getpid()}"
        _write(partial, orjson.dumps(pointer))
        if os.geteuid() == 0:  # root may do it for the agent, who has to read it
            owner = self.folder.stat()
            os.chown(partial, owner.st_uid, owner.st_gid)
        partial.replace(self.folder / _POINTER)

    def _names(self) -> list[str]:
        if not self.folder.is_dir():
            return []
        return [one.name for one in self.folder.iterdir() if one.is_dir() and _FOLDER.match(one.name)]

    def _free_name(self, made_at: datetime) -> str:
        base = f"{made_at:%Y%m%dT%H%M%SZ}"
        taken = set(self._names())
        return next(name for n in range(1000) if (name := f"{base}-{n}" if n else base) not in taken)

    def _forget_old(self, newest: str) -> None:
        old = sorted(name for name in self._names() if name != newest)
        for name in old[: max(len(old) - (_KEPT - 1), 0)]:
            shutil.rmtree(self.folder / name, ignore_errors=True)


def detectors_of(members: Iterable[str]) -> list[str]:
    """Return the members that are class paths."""
    return [name for name in members if name not in BY_NAME]


def _installed() -> dict[str, str]:
    """Return the versions of what models are made of; what is not installed is left out."""
    found = {}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _read_checked(file: Path, card: Card) -> bytes:
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


def _write(file: Path, content: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    file.chmod(0o600)


def _plain(generation: Generation) -> dict[str, Any]:
    data: dict[str, Any] = orjson.loads(orjson.dumps(generation))
    return data


def _generation(data: Mapping[str, Any]) -> Generation:
    cards = [Card(**card) for card in data["cards"]]
    for card in cards:
        if not _FILE.match(card.file):
            raise ValueError(f"'{card.file[:60]}' is no file of a shelf")
    moments = {key: datetime.fromisoformat(data[key]) for key in ("made_at", "trained_from", "trained_to")}
    rest = {key: data[key] for key in ("name", "version", "step_s", "note", "libraries")}
    fields: dict[str, Any] = {**rest, **moments, "cards": cards}
    return Generation(**fields)
