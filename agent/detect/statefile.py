"""Arrays and plain facts in, a file out that is read back only if it is exactly what was written.

A line names the format, a line the checksum of the rest: a NumPy archive without pickled objects, whose
``facts`` are JSON. Files appear by rename.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from agent.errors import StateError
from agent.wholefile import replacing

FORMAT = 2
_MAGIC = "opsmend detect state"
_LARGEST = 4 << 30
_FACTS = "facts"


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What a file holds."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


def write_state(file: Path, kept: Kept) -> None:
    """Write a file by rename. Raises OSError."""
    content = io.BytesIO()
    facts = np.frombuffer(orjson.dumps(kept.facts), np.uint8)
    np.savez(content, **{_FACTS: facts}, **kept.arrays)  # type: ignore[arg-type]
    body = content.getbuffer()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with replacing(file, durable=True) as stream:
        stream.write(f"{_MAGIC} {FORMAT}\n{hashlib.sha256(body).hexdigest()}\n".encode())
        stream.write(body)


def read_state(file: Path) -> Kept | None:
    """Read a file, None when there is none. Raises StateError, saying why in one line."""
    try:
        if file.stat().st_size > _LARGEST:
            raise StateError(f"{file} is refused: it is larger than any that is written")
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{file} cannot be read: {error.strerror}") from error
    head, _, rest = content.partition(b"\n")
    checksum, _, body = rest.partition(b"\n")
    magic, _, version = head.decode("latin-1").rpartition(" ")
    if magic != _MAGIC:
        raise StateError(f"{file} is refused: it holds no state of detection")
    if version != str(FORMAT):
        raise StateError(f"{file} is refused: it has format {version[:10]}, this version reads {FORMAT}")
    if hashlib.sha256(body).hexdigest().encode() != checksum:
        raise StateError(f"{file} is refused: it is cut off or was changed since it was written")
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files if name != _FACTS}
            return Kept(orjson.loads(archive[_FACTS].tobytes()), arrays)
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise StateError(f"{file} is refused: {error}") from error
