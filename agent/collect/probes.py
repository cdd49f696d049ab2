"""A host in, what it says of itself out: a few fixed questions over ssh that change nothing.

Only hosts whose key is known are asked. A question is a fixed command; what varies in it, a unit or a
path, must fit a narrow pattern and is quoted. Each has a time limit on both sides, and what comes back is
cut and stripped of control characters before anybody looks at it.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.clock import Clock
from agent.collect.probeanswers import READERS
from agent.errors import ParameterError, SourceRefused, SourceUnreachable
from agent.records.probes import ProbeAnswer, SshAddress

if TYPE_CHECKING:
    import paramiko

_UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9@:_.\\-]{0,127}\.(?:service|socket|timer|mount)")
_PATH = re.compile(r"/[\w./@-]{1,255}")
_MOST_BYTES = 64 * 1024
_UNIT_PROPERTIES = "LoadState,ActiveState,SubState,Result,ExecMainStatus,NRestarts,StateChangeTimestamp"


@dataclass(frozen=True, slots=True)
class Question:
    """A probe's name and the command that answers it."""

    probe: str
    command: tuple[str, ...]


def questions(unit: str = "", certificates: Sequence[str] = ()) -> list[Question]:
    """Return what to ask a host. Raises ParameterError for a unit or path that no host should see."""
    asked = [
        Question("space", ("df", "-P", "-k", "-x", "tmpfs", "-x", "devtmpfs", "-x", "overlay")),
        Question("inodes", ("df", "-P", "-i", "-x", "tmpfs", "-x", "devtmpfs", "-x", "overlay")),
        Question("processes", ("ps", "-eo", "pid,pcpu,pmem,comm", "--sort=-pcpu")),
        Question("ports", ("ss", "-Hltn")),
    ]
    if unit:
        if not _UNIT.fullmatch(unit):
            raise ParameterError(f"'{unit[:80]}' is no name of a unit")
        asked.append(
            Question("unit", ("systemctl", "show", "--no-pager", "-p", _UNIT_PROPERTIES, "--", unit))
        )
        journal = ("journalctl", "--no-pager", "-q", "-o", "short-iso", "-n", "200", f"--unit={unit}")
        asked.append(Question("journal", journal))
    for path in certificates:
        if not _PATH.fullmatch(path) or ".." in path:
            raise ParameterError(f"'{path[:80]}' is no path of a certificate")
        command = ("openssl", "x509", "-noout", "-enddate", "-subject", "-in", path)
        asked.append(Question("certificate", command))
    return asked


class HostProbes:
    """Asks hosts, one connection per host, within a time limit for each question."""

    def __init__(
        self, clock: Clock, *, ssh_config: Path | None = None, timeout: timedelta = timedelta(seconds=10)
    ) -> None:
        self._clock = clock
        self._ssh_config = ssh_config or Path.home() / ".ssh" / "config"
        self._timeout_s = timeout.total_seconds()

    def ask(
        self, host: str, asked: Sequence[Question], address: SshAddress | None = None
    ) -> list[ProbeAnswer]:
        """Put questions to a host; ``address`` is what an inventory knows of how it is reached.

        Raises SourceRefused when its key is not known or it lets nobody in, SourceUnreachable when it
        does not answer. A question that fails by itself gives an answer with an error.
        """
        with self._connected(host, address or SshAddress(host=host)) as client:
            return [self._ask(client, host, question) for question in asked]

    @contextlib.contextmanager
    def _connected(self, host: str, known: SshAddress) -> Iterator[paramiko.SSHClient]:
        import paramiko

        entry = self._look_up(known.address or known.host)
        said = {"port": known.port, "user": known.user, "identityfile": known.key}
        entry = {
            **({"hostname": known.address} if known.address else {}),
            **entry,
            **{key: value for key, value in said.items() if value},
        }
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        try:
            for file in self._known_hosts(entry):
                client.load_host_keys(str(file))
            address, port = str(entry.get("hostname", host)), int(entry.get("port", 22))
            client.connect(
                str(entry.get("hostkeyalias", address)),  # the name that its key is known by
                port=port,
                sock=socket.create_connection((address, port), self._timeout_s),
                username=entry.get("user"),
                key_filename=entry.get("identityfile"),
                timeout=self._timeout_s,
                banner_timeout=self._timeout_s,
                auth_timeout=self._timeout_s,
            )
            yield client
        except paramiko.BadHostKeyException as error:
            raise SourceRefused(f"{host} shows another host key than the known one") from error
        except (paramiko.AuthenticationException, paramiko.SSHException, ValueError) as error:
            raise SourceRefused(f"{host} cannot be asked: {_clean(str(error))[:200]}") from error
        except OSError as error:
            raise SourceUnreachable(f"{host} does not answer: {error.strerror or error}") from error
        finally:
            client.close()

    def _look_up(self, host: str) -> dict[str, Any]:
        import paramiko

        if not self._ssh_config.is_file():
            return {}
        return dict(paramiko.SSHConfig.from_path(str(self._ssh_config)).lookup(host))

    def _known_hosts(self, entry: dict[str, Any]) -> list[Path]:
        named = entry.get("userknownhostsfile", "~/.ssh/known_hosts /etc/ssh/ssh_known_hosts")
        files = [Path(name).expanduser() for name in str(named).split()]
        return [file for file in files if file.is_file()]

    def _ask(self, client: paramiko.SSHClient, host: str, question: Question) -> ProbeAnswer:
        began = time.monotonic()
        text, error = "", ""
        command = shlex.join(("timeout", f"{self._timeout_s:.0f}", "env", "LC_ALL=C", *question.command))
        try:
            text, error = self._run(client, command)
        except (OSError, EOFError) as failure:
            error = (
                f"no answer within {self._timeout_s:.0f} s"
                if isinstance(failure, TimeoutError)
                else "cut off"
            )
        now = self._clock.now()
        facts, findings = READERS[question.probe](text, now) if text and not error else ({}, [])
        return ProbeAnswer(
            host=host,
            probe=question.probe,
            at=now,
            seconds=round(time.monotonic() - began, 3),
            facts=facts,
            findings=tuple(findings),
            text=text,
            error=error,
        )

    def _run(self, client: paramiko.SSHClient, command: str) -> tuple[str, str]:
        _, out, err = client.exec_command(command, timeout=self._timeout_s)
        deadline = time.monotonic() + self._timeout_s
        content = b""
        while len(content) < _MOST_BYTES:
            # a host that sends a byte now and then must not hold anybody longer than one that is silent
            if time.monotonic() > deadline:
                raise TimeoutError
            chunk = out.channel.recv(min(8192, _MOST_BYTES - len(content)))
            if not chunk:
                break
            content += chunk
        text = _clean(content.decode("utf-8", errors="replace"))
        if len(content) >= _MOST_BYTES:
            out.channel.close()  # enough was heard; it need not end by itself
            return text, ""
        status = out.channel.recv_exit_status()
        if status == 0:
            return text, ""
        said = _clean(err.read(2048).decode("utf-8", errors="replace")).strip()
        return text, f"exit status {status}: {said[:200]}"


def _clean(text: str) -> str:
    """Return a host's words without what moves a cursor, changes a colour or rings a bell."""
    return "".join(c if c.isprintable() or c == "\n" else "?" if c != "\t" else " " for c in text)
