"""A server on the Java machine that a test starts, stops, kills and starts again on the same data."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.servers.process import free_port, wait_until

LOGGING = Path(__file__).with_name("recipes") / "log4j2.properties"
MACHINE = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Dlog4j2.disable.jmx=true",
    f"-Dlog4j2.configurationFile={LOGGING}",
)


class JavaServer:
    """One server with its data in ``folder``, on a port of its own that stays the same."""

    timeout_s = 90.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.other_port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str]:
        """Return what to run."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Return whether it can be used."""
        raise NotImplementedError

    def options(self) -> Mapping[str, Any]:
        """Return what else the process needs: environment, user."""
        return {}

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run it until the block ends, whatever happens in it."""
        self.start()
        try:
            yield
        finally:
            self.kill()

    def start(self) -> None:
        """Start it and wait until it can be used."""
        log = self.folder / "server.log"
        with log.open("ab") as stream:
            self.process = subprocess.Popen(
                self.command(),
                stdout=stream,
                stderr=stream,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                **self.options(),
            )
        try:
            wait_until(self._ready_or_ended, self.timeout_s, lambda: log.read_text()[-3000:])
            assert self.process.poll() is None, log.read_text()[-3000:]
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End it in order."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)

    def kill(self) -> None:
        """End it and what it started, at once."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _ready_or_ended(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None or self.ready()
