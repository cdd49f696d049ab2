"""The API's server: uvicorn in a thread, started and stopped with the agent."""

from __future__ import annotations

import threading
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from agent.errors import OpsmendError
from agent.log import Logger

log = Logger("web")

_START_TIMEOUT_S = 10


class ApiServer:
    """Serves an app on an address until it is stopped."""

    def __init__(self, app: FastAPI, listen: str) -> None:
        host, _, port = listen.rpartition(":")
        self._listen = listen
        config = uvicorn.Config(
            app,
            host=host.strip("[]"),
            port=int(port),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_keep_alive=75,
            limit_concurrency=200,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)
        self._failed = ""

    def start(self) -> None:
        """Begin to serve. Raises OpsmendError when the address cannot be used."""
        self._thread.start()
        for _ in range(_START_TIMEOUT_S * 100):
            if self._server.started or not self._thread.is_alive():
                break
            self._thread.join(0.01)
        if not self._server.started:
            raise OpsmendError(f"api.listen: {self._listen} cannot be used; is another agent there?")
        log.info("port opened", listen=self._listen)

    def stop(self) -> None:
        """Finish what is being answered and close the port."""
        self._server.should_exit = True
        self._thread.join(10)

    def _run(self) -> None:
        with suppress(SystemExit):  # uvicorn exits when it cannot bind; only the thread may end
            self._server.run()
