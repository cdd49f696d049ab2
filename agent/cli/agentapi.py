"""What commands ask and decide: the agent's API over its socket, or on the store where no agent runs."""

from __future__ import annotations

import http.client
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson

from agent.config.runtimefolder import find_runtime_folder
from agent.errors import (
    ConflictError,
    NotFoundError,
    OpsmendError,
    RefusedError,
    StoreUnavailable,
)
from agent.localsocket import connect

_CONNECT_WITHIN_S = 3.0
_ANSWER_WITHIN_S = 30.0
_ERRORS: Mapping[int, type[OpsmendError]] = {
    403: RefusedError,
    404: NotFoundError,
    409: ConflictError,
    503: StoreUnavailable,
}

Query = Mapping[str, Any]


class Transport(Protocol):
    """Carries requests to whoever answers them."""

    def __call__(self, method: str, path: str, query: Query, body: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer. Raises OpsmendError."""


class AgentApi:
    """The API as commands use it: data come back, errors are raised as the agent means them."""

    def __init__(self, transport: Transport, running: bool) -> None:
        self.running = running
        self._transport = transport

    def get(self, path: str, **query: Any) -> Any:
        """Return what there is under a path. Query values that are None are left out."""
        return self._ask("GET", path, query, b"")["data"]

    def pages(self, path: str, most: int, **query: Any) -> Iterator[Any]:
        """Yield the rows of a list, asking for as many pages as it takes."""
        query = {**query, "limit": min(most, 1000)}
        while most > 0:
            answer = self._ask("GET", path, query, b"")
            yield from answer["data"][:most]
            most -= len(answer["data"])
            if not answer.get("next"):
                return
            query = {**query, **dict(parse_qsl(urlsplit(answer["next"]).query)), "limit": min(most, 1000)}

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Have something done; return what came of it."""
        return self._ask("POST", path, {}, orjson.dumps(body))["data"]

    def delete(self, path: str) -> Any:
        """Take something away; return what came of it."""
        return self._ask("DELETE", path, {}, b"")["data"]

    def _ask(self, method: str, path: str, query: Query, body: bytes) -> Any:
        given = {name: value for name, value in query.items() if value is not None}
        status, content = self._transport(method, path, given, body)
        try:
            answer = orjson.loads(content)
        except orjson.JSONDecodeError:
            answer = {"message": f"the agent answers {status} and no JSON"}
        if status >= 400:
            raise _ERRORS.get(status, OpsmendError)(str(answer.get("message", status)))
        return answer


def agent_api(config: Path | None) -> AgentApi:
    """Return the API of the agent that runs, or of the store where none does.

    Raises RefusedError when this user may not ask, StoreUnavailable when there is neither.
    """
    folder = find_runtime_folder(config)
    if _answers(folder):
        return AgentApi(_OverSocket(folder, _ANSWER_WITHIN_S), running=True)
    return AgentApi(_on_the_store(config), running=False)


def token_api(config: Path | None, token: str) -> AgentApi:
    """Return the API of the agent that runs, as the holder of a token."""
    headers = {"Authorization": f"Bearer {token}"}
    return AgentApi(_OverSocket(find_runtime_folder(config), _ANSWER_WITHIN_S, headers), running=True)


def running_agent_api(within_s: float) -> AgentApi:
    """Return the API of the agent that runs, for what must be answered within a time or not at all."""
    return AgentApi(_OverSocket(find_runtime_folder(None), within_s), running=True)


class _OverSocket:
    def __init__(self, folder: Path, within_s: float, headers: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._within_s = within_s
        self._headers = {"Content-Type": "application/json", **(headers or {})}

    def __call__(self, method: str, path: str, query: Query, body: bytes) -> tuple[int, bytes]:
        target = f"{path}?{urlencode(query, doseq=True)}" if query else path
        connection = http.client.HTTPConnection("localhost", timeout=self._within_s)
        try:
            connection.sock = connect(self._folder, self._within_s)
            connection.request(method, target, body or None, self._headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except TimeoutError as error:
            raise OpsmendError(
                f"the agent does not answer within {self._within_s:.0f} s; what was asked for may still be "
                "done: look again, and at 'systemctl status opsmend'"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise OpsmendError(
                f"the agent broke off: {error}; 'systemctl status opsmend' says why"
            ) from error
        finally:
            connection.close()


def _answers(folder: Path) -> bool:
    try:
        connect(folder, _CONNECT_WITHIN_S).close()
    except PermissionError as error:
        raise RefusedError(
            f"you may not ask the agent: {folder} is for root and the group {_group_of(folder)}; "
            "let root add you to the group and log in again, or use sudo"
        ) from error
    except OSError:
        return False
    return True


def _group_of(folder: Path) -> str:
    import grp

    try:
        return grp.getgrgid(folder.stat().st_gid).gr_name
    except (OSError, KeyError):
        return "opsmend"


def _on_the_store(config: Path | None) -> Transport:
    from agent.cli.common import settings_and_stores
    from agent.web.standalone import call, make_standalone_app

    try:
        app = make_standalone_app(*settings_and_stores(config))
    except RefusedError as error:
        raise RefusedError(f"{error}. No agent answers that you could ask instead") from error
    peer = (os.getuid(), os.getpid())

    def carry(method: str, path: str, query: Query, body: bytes) -> tuple[int, bytes]:
        return call(app, peer, method, path, query, body)

    return carry
