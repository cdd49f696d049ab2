"""Files of models out, down to the disk, and in again only when they are what was written."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.errors import ModelError
from agent.wholefile import replacing

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file as it was written."""

    file: str
    sha256: str
    size: int


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
    """Replace a file that the owner of its folder alone may read, down to the disk. Raises OSError."""
    with replacing(file, durable=True) as stream:
        stream.write(content)
        give_to_owner(Path(stream.name))


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
