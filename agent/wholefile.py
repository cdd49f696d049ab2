"""Bytes in, a file that is the old one or the new one whole, whenever it is read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO


@contextmanager
def replacing(file: Path, mode: int = 0o600, *, durable: bool = False) -> Iterator[BinaryIO]:
    """Yield a stream whose bytes become the file once they are all written; nothing changes where that fails.

    ``mode`` is taken as open(2) takes it. What is ``durable`` is there also when the power fails next.
    Raises OSError.
    """
    partial = file.with_name(f".{file.name}.{token_hex(4)}")  # several threads may write the same file
    try:
        with open(partial, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as stream:
            yield stream
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        partial.replace(file)
        if durable:
            sync(file.parent)
    finally:
        partial.unlink(missing_ok=True)


def sync(place: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk. Raises OSError."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
