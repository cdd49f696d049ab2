"""Questions in, the scoring process's answers out: within a time limit, or none.

The process is started when there are models and a question, and again when it has died, after a pause that
doubles. A poll never waits longer than the limit, and not at all while an earlier question is unanswered.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.background.messages import Message, read_message, write_message
from agent.clock import Clock
from agent.environment import clean_environment, own_python
from agent.log import Logger
from agent.process import ONE_THREAD

log = Logger("scorer")

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 300.0
_LONG_LIFE_S = 600.0  # after which a death is no longer one of a row
_HUNG_S = 60.0  # without an answer, after which the process is ended
_GRACE_S = 5.0


class ScorerProcess:
    """Keeps one scoring process alive and talks to it. Safe to use from several threads.

    ``folders`` are the shelves of entity models and of trained diagnosis.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        detectors: Sequence[str],
        timeout_s: float,
        clock: Clock,
        is_wanted: Callable[[], bool],
    ) -> None:
        self._command = own_python("agent.background.score", *map(str, folders), *detectors)
        self._timeout_s = timeout_s
        self._clock = clock
        self._is_wanted = is_wanted
        self._changed = threading.Condition()
        self._question: Message | None = None
        self._asked_at: float | None = None
        self._answer: Mapping[str, Any] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._deaths = 0
        self._not_before = 0.0
        self._number = 0

    @property
    def pid(self) -> int | None:
        """Return the number of the process, None while there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def ask(self, header: Mapping[str, Any], payload: bytes | memoryview) -> Mapping[str, Any] | None:
        """Return the answer, or None when it does not come in time. Never raises."""
        with self._changed:
            if self._stopped or not self._may_ask():
                return None
            self._number += 1
            number = self._number
            self._question = Message({**header, "number": number}, payload)
            self._asked_at = self._clock.monotonic()
            self._answer = None
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._asked_at is None, self._timeout_s)
            answer, self._answer = self._answer, None
        return answer if answer is not None and answer.get("number") == number else None

    def stop(self) -> None:
        """End the process."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._process is not None:
            end_process(self._process)

    def _may_ask(self) -> bool:
        """Return whether a question can be taken now; start the thread that carries it at the first."""
        now = self._clock.monotonic()
        if self._asked_at is not None:
            if now - self._asked_at > _HUNG_S and self._process is not None:
                log.warning("scoring process does not answer and is ended", pid=self._process.pid)
                self._process.kill()
            return False
        if now < self._not_before or not self._is_wanted():
            return False
        if self._thread is None:
            self._thread = threading.Thread(target=self._carry, name="scorer", daemon=True)
            self._thread.start()
        return True

    def _carry(self) -> None:
        """Take questions to the process and answers back, until stopped."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or self._question is not None)
                if self._stopped:
                    return
                question, self._question = self._question, None
            assert question is not None
            answer = self._exchange(question)
            with self._changed:
                self._answer = answer
                self._asked_at = None
                self._changed.notify_all()
            del question, answer  # megabytes, and the next may be a minute away

    def _exchange(self, question: Message) -> Mapping[str, Any] | None:
        try:
            process = self._living()
            assert process.stdin is not None
            assert process.stdout is not None
            write_message(process.stdin, question)
            message = read_message(process.stdout)
        except (OSError, ValueError) as error:
            self._has_died(str(error))
            return None
        if message is None:
            self._has_died("its pipe was closed")
            return None
        return message.header

    def _living(self) -> subprocess.Popen[bytes]:
        """Return the process, started when there is none. Raises OSError."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**clean_environment(), **ONE_THREAD},
            )
            self._started_at = self._clock.monotonic()
            log.info("scoring process started", pid=self._process.pid)
        return self._process

    def _has_died(self, why: str) -> None:
        process, self._process = self._process, None
        code: int | None = None
        if process is not None:
            process.kill()
            code = end_process(process)
            if self._clock.monotonic() - self._started_at > _LONG_LIFE_S:
                self._deaths = 0
        if self._stopped:
            return
        pause = min(_FIRST_PAUSE_S * 2**self._deaths, _LONGEST_PAUSE_S)
        self._deaths += 1
        self._not_before = self._clock.monotonic() + pause
        log.warning("scoring process ended", why=why, code=code, again_in_s=pause)


def end_process(process: subprocess.Popen[bytes], listener: threading.Thread | None = None) -> int:
    """End a process that ends with its standard input, by force when it takes too long; return its code.

    A listener reads to the end what the process said last.
    """
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()
    try:
        code = process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    if listener is not None:
        listener.join(_GRACE_S)
    if process.stdout is not None:
        with suppress(OSError):
            process.stdout.close()
    return code
