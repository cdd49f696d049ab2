"""The API's server: uvicorn in a thread for each listening socket, started and stopped with the agent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from agent.config import Settings
from agent.config.api import ApiSection, TlsSection
from agent.errors import OpsmendError
from agent.localsocket import FILE
from agent.log import Logger
from agent.web.connections import BoundedProtocol
from agent.web.listeners import BACKLOG, listen_on_path, listen_on_port

log = Logger("web")

_START_TIMEOUT_S = 10


class ApiServer:
    """Serves an app on one listening socket until it is stopped, with TLS where it has a certificate.

    Each socket has its own: however many are silent on the port, people on the machine are answered.
    """

    def __init__(
        self, app: FastAPI, kind: str, where: str, listener: socket.socket, tls: TlsSection | None = None
    ) -> None:
        self._kind = kind
        self._where = where
        self._listener = listener
        config = uvicorn.Config(
            app,
            http=BoundedProtocol,
            backlog=BACKLOG,
            ssl_certfile=tls.cert_file if tls else None,
            ssl_keyfile=tls.key_file if tls else None,
            log_config=None,
            log_level="error",  # of what strangers send: they must not fill the log
            ws="none",
            access_log=False,
            lifespan="off",
            proxy_headers=False,  # whose word counts is for the settings to say, not for any local user
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name=f"web {kind}", daemon=True)

    def start(self) -> None:
        """Begin to serve. Raises OpsmendError when that fails."""
        self._thread.start()
        for _ in range(_START_TIMEOUT_S * 100):
            if self._server.started or not self._thread.is_alive():
                break
            self._thread.join(0.01)
        if not self._server.started:
            raise OpsmendError(f"nothing is answered on {self._where}")
        log.info(f"{self._kind} opened", listen=self._where)

    def stop(self) -> None:
        """Finish what is being answered and close the socket."""
        self._server.should_exit = True
        self._thread.join(10)
        self._listener.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._listener])


def start_servers(
    app: FastAPI, settings: Settings, complain: Callable[[str, str], None], any_token: Callable[[], bool]
) -> list[ApiServer]:
    """Serve an app on the port and on the agent's own socket; ``complain`` hears what does not work.

    A port that other machines reach is not opened before somebody can be told from a stranger.
    """
    path = settings.agent.runtime_dir / FILE
    wanted: dict[str, tuple[str, Callable[[], socket.socket]]] = {
        "socket": (str(path), lambda: listen_on_path(path))
    }
    if (listen := settings.api.listen) is not None:
        wanted["port"] = (listen, lambda: _listen_safely(settings.api, listen, any_token))
    servers = []
    for kind, (where, open_listener) in wanted.items():
        try:
            tls = settings.api.tls if kind == "port" else None
            server = ApiServer(app, kind, where, open_listener(), tls)
            server.start()
        except OpsmendError as error:
            complain(kind, str(error))
        else:
            servers.append(server)
    return servers


def _listen_safely(api: ApiSection, listen: str, any_token: Callable[[], bool]) -> socket.socket:
    if not api.is_local and api.proxy is None and not any_token():
        raise OpsmendError(
            f"api.listen: {listen} can be reached by other machines and nobody has a token; "
            "'opsmend tokens new' issues one, then restart the agent"
        )
    return listen_on_port(listen)
