"""Settings in, the API on the store alone out: for a command where no agent runs. It listens nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI

from agent.clock import SystemClock
from agent.config import PolicyFile, Rulebook, Settings
from agent.decide.policy import groups_of
from agent.errors import NotFoundError, RefusedError
from agent.livestatus import read_live_status
from agent.records.reports import ReportedSymptom
from agent.records.training import Move, TrainingJob, TrainingKind
from agent.reported import ReportedDiagnosis
from agent.response import person_of
from agent.response.token_actions import TokenActions
from agent.store import Stores
from agent.stream import AlertIntake
from agent.web.access.issued import Credentials
from agent.web.access.tokensfile import FileTokens
from agent.web.app import make_app
from agent.web.parts import Parts
from agent.wiring import Current, Definitions, make_operator_actions, make_source

NOT_RUNNING = "no agent runs"


def make_standalone_app(settings: Settings, stores: Stores) -> FastAPI:
    """Return the application that shows what the store holds, and lets people decide by the policy on disk.

    It knows no rules and no remediations, for it makes no pages and hears no alerts.
    """
    clock = SystemClock()
    actions = make_operator_actions(settings, stores, clock)
    nothing = Definitions(
        book=Rulebook({}, {}, {}),
        catalog={},
        policy=PolicyFile.model_validate({"roles": {}, "remediations": []}),
    )
    parts = Parts(
        current=Current(settings, nothing),
        stores=stores,
        operator_actions=actions,
        token_actions=TokenActions(stores, actions, clock),
        alerts=AlertIntake(stores.alerts, (), make_source(settings)),
        diagnose=_nobody_to_ask,
        explain=lambda incident, tried: (),
        status=lambda: read_live_status(settings.agent.runtime_dir) or {},
        anomalies=tuple,
        charts=lambda incident, runs: (),
        trainer=_NoTrainings(),
        readiness=lambda: {"polls": NOT_RUNNING},
        own_trouble=lambda: "",
        alerts_arrived=lambda: None,
        groups_of=groups_of,
        person_of=person_of,
        clock=clock,
    )
    return make_app(parts, settings.api, Credentials(stores.tokens, stores.database, FileTokens()))


class _NoTrainings:
    """Stands where the agent's trainings would be known."""

    def request(self, actor: str, kind: TrainingKind) -> TrainingJob:
        """Refuse: nobody would look after it."""
        raise RefusedError(f"{NOT_RUNNING}; opsmend train works without one")

    def job(self, number: int) -> TrainingJob:
        """Know of none."""
        raise NotFoundError(f"there is no training {number}: {NOT_RUNNING}")

    def jobs(self) -> list[TrainingJob]:
        """Know of none."""
        return []

    def move(self, kind: TrainingKind, move: Move, training: str | None) -> None:
        """Refuse: nobody would look after it."""
        raise RefusedError(f"{NOT_RUNNING}; opsmend models works without one")


def _nobody_to_ask(reported: Sequence[ReportedSymptom], about: Mapping[str, str]) -> ReportedDiagnosis:
    raise RefusedError(f"{NOT_RUNNING}: nothing is diagnosed without one")


def call(
    app: FastAPI,
    peer: tuple[int, int],
    method: str,
    path: str,
    query: Mapping[str, Any],
    body: bytes,
) -> tuple[int, bytes]:
    """Put one request to an application in this process, as if ``peer`` had sent it over the socket."""
    return asyncio.run(_call(app, peer, method, path, query, body))


async def _call(
    app: FastAPI, peer: tuple[int, int], method: str, path: str, query: Mapping[str, Any], body: bytes
) -> tuple[int, bytes]:
    headers = [
        (b"host", b"localhost"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": urlencode(query, doseq=True).encode(),
        "root_path": "",
        "headers": headers,
        "client": None,
        "server": None,
        "peer": peer,
        "state": {},
    }
    status, parts = 500, []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return status, b"".join(parts)
