"""What a daemon owes its machine: only one at a time on its state, and word to systemd."""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from agent.errors import ConflictError, StoreUnavailable

# for processes that compute beside the agent: with more threads than work small models take ten times as long
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}

# glibc's name in the environment, its number for mallopt (malloc.h), and the value
_FILES = 16_384  # open at once
_MALLOC = (
    ("MALLOC_ARENA_MAX", -8, 2),
    ("MALLOC_MMAP_THRESHOLD_", -3, 1 << 20),  # bytes
    ("MALLOC_TRIM_THRESHOLD_", -1, 1 << 20),  # bytes
)
_CAUGHT = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the lock on a state folder; a second agent on it would start runs twice.

    From then on what this process writes is its user's alone, whatever umask it was started with: state,
    live status and folders of runs hold what hosts and people said. Raises ConflictError when another process
    holds it, StoreUnavailable when the folder cannot be used.
    """
    os.umask(0o077)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _close(folder)
        lock = (folder / "agent.lock").open("a+")
    except OSError as error:
        raise StoreUnavailable(f"{folder} cannot be used: {error.strerror}") from error
    with lock as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            stream.seek(0)
            pid = stream.read().strip() or "unknown"
            raise ConflictError(f"another agent (pid {pid}) is at work on {folder}") from error
        with suppress(OSError):  # on a full disk the number is missing, the lock holds all the same
            stream.truncate(0)
            stream.write(str(os.getpid()))
            stream.flush()
        yield


def _close(folder: Path) -> None:
    """Take away from others what an earlier version, or another umask, let them see of the state."""
    files = [one for one in folder.iterdir() if one.is_file() and not one.is_symlink()]
    for path, mode in ((folder, 0o700), *((file, 0o600) for file in files)):
        with suppress(OSError):  # of another user, whom it is left to
            path.chmod(mode)


def raise_file_limit() -> None:
    """Open more files at once than a shell's 1,024, where the machine allows it.

    What the port, sources and runs need at most is a fraction of that: nobody outside can use it up.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(_FILES, hard) if hard != resource.RLIM_INFINITY else _FILES
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def keep_memory_small() -> None:
    """Let glibc give back what is freed.

    By default it makes up to eight arenas for each processor and keeps the memory of each: threads come
    and go with runs and readings, and the agent would grow for hours. What the environment says stays.
    """
    with suppress(OSError, AttributeError):  # another libc than glibc
        mallopt = ctypes.CDLL(None).mallopt
        for name, parameter, value in _MALLOC:
            if name not in os.environ:
                mallopt(parameter, value)


def hold_reloads() -> None:
    """Keep a SIGHUP until signals are caught: it would end us, and what it asks for would be lost."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})


@contextmanager
def caught_signals() -> Iterator[socket.socket]:
    """Catch SIGTERM, SIGINT and SIGHUP; a byte with the number of each that came can be received.

    The kernel may hand a signal to any thread, and a handler in Python runs only when the main thread
    wakes up: one that waits on a lock then sleeps on, and an Event set by the handler may wait for
    itself. A byte written at once by whichever thread was interrupted wakes it always.
    """
    receiver, sender = socket.socketpair()
    with receiver, sender:
        sender.setblocking(False)
        before = signal.set_wakeup_fd(sender.fileno())
        handlers = {number: signal.signal(number, _leave_to_the_byte) for number in _CAUGHT}
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        try:
            yield receiver
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn SIGTERM, SIGINT and SIGHUP into a KeyboardInterrupt, so that what was made is removed again.

    A shell starts what runs in the background with SIGINT ignored, and then Python raises nothing.
    """

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in _CAUGHT}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave_to_the_byte(number: int, frame: FrameType | None) -> None:
    pass


def notify_systemd(message: str) -> None:
    """Tell systemd (``Type=notify``) how we are; without it nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        channel.sendall(message.encode())


def leave() -> NoReturn:
    """End the process, which is done, although threads may still wait for a source that hangs."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
