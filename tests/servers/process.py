"""A server process of a test: started on a free port, waited for, always stopped."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(
    command: Sequence[str], log: Path, ready: Callable[[], bool], timeout_s: float = 30
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; ``ready`` says when it can be used."""
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL)
    try:
        wait_until(ready, timeout_s, lambda: f"{command[0]}: {log.read_text()[-2000:]}")
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(condition: Callable[[], object], timeout_s: float, why: Callable[[], str] | str = "") -> None:
    """Wait until a condition holds; fail with ``why`` when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {why() if callable(why) else why}")
        time.sleep(0.05)
