"""What the API answers, recorded from the gallery: the examples of the OpenAPI document, and the document.

``python -m tests.web.examples`` asks anew for what has no example yet, or one that does not fit its schema,
keeps the rest as it is, and writes ``docs/openapi.json``.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from jsonschema import Draft202012Validator

from agent.background.places import shelf_of
from agent.web.api.document import EXAMPLES, document_of
from tests.trainings import make_training
from tests.web.gallery import ROOT, Gallery

PUBLISHED = ROOT / "docs" / "openapi.json"
_SHOWN_AT = datetime(2026, 11, 28, 3, 12, 45, tzinfo=UTC)
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$")
_MOST = 2  # of a list
_DISK = {"instance": "web9:9100", "mountpoint": "/var", "fstype": "ext4", "device": "/dev/sda2"}

Call = tuple[str, str, Mapping[str, Any]]


def record(gallery: Gallery, url: str) -> dict[str, dict[str, Any]]:
    """Return an answer of each operation, by operation and status."""
    found: dict[str, dict[str, Any]] = {}
    for operation, path, body in _calls(gallery):
        method = operation.partition(" ")[0]
        person = (
            {"X-": ""} if "/-/" in path else {"Authorization": f"Bearer {gallery.tokens[_who(operation)]}"}
        )
        answer = requests.request(method, url + path, json=body or None, headers=person, timeout=30)
        if not answer.ok:
            raise RuntimeError(f"{operation}: {answer.status_code} {answer.text}")
        shown = _tidy(answer.json(), gallery.now)
        found.setdefault(operation, {})[str(answer.status_code)] = shown
    return found


def fits(document: Mapping[str, Any], operation: str, status: str, example: Any) -> str:
    """Return why an example does not fit what the document says of the answer, or nothing."""
    method, _, path = operation.partition(" ")
    answer = document["paths"][path][method]["responses"][status]
    schema = {**answer["content"]["application/json"]["schema"], "components": document["components"]}
    return "; ".join(error.message for error in Draft202012Validator(schema).iter_errors(example))


def answers_of(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each operation and status that says yes in JSON."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                if status.startswith("2") and "application/json" in answer.get("content", {}):
                    yield f"{method} {path}", status


def published(document: Mapping[str, Any]) -> str:
    """Return the document as it stands in the repository."""
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _who(operation: str) -> str:
    if "/approve" in operation or "/deny" in operation:
        return "ann"
    return {"post /api/v1/alerts": "alertmanager"}.get(operation, "chief" if _is_chief(operation) else "ann")


def _is_chief(operation: str) -> bool:
    models = ("post /api/v1/aiops/model-training", "post /api/v1/models/{kind}")
    return "/tokens" in operation or operation in models


def _calls(gallery: Gallery) -> Iterator[Call]:
    numbers = gallery.fill()
    put = make_training("failures")
    for day in range(2):
        put(shelf_of(gallery.settings, "failures"), day)
    run = gallery.stores.runs.of_incident(numbers["recovered"])[0].id
    for path in (
        "/-/healthy", "/-/ready", "/api/v1/status", "/api/v1/anomalies", "/api/v1/forecasts",
        "/api/v1/incidents", "/api/v1/approvals", "/api/v1/report", "/api/v1/runs", "/api/v1/rules",
        "/api/v1/faults", "/api/v1/remediations", "/api/v1/models", "/api/v1/track-records",
    ):  # fmt: skip
        yield f"get {path}", path, {}
    one = "/api/v1/incidents/{incident_id}"
    yield f"get {one}", f"/api/v1/incidents/{numbers['recovered']}", {}
    yield f"get {one}/why-not", f"/api/v1/incidents/{numbers['awaiting']}/why-not", {}
    yield "get /api/v1/runs/{run_id}", f"/api/v1/runs/{run}", {}
    yield "get /api/v1/remediations/{name}", "/api/v1/remediations/restart_service", {}
    yield (
        "post /api/v1/remediations/{name}/autonomy",
        "/api/v1/remediations/restart_service/autonomy",
        {"fault": "service_down", "up": False, "comment": "not before the release"},
    )
    yield (
        "post /api/v1/anomalies/{anomaly_id}/wrong",
        f"/api/v1/anomalies/{gallery.anomalies[0].id}/wrong",
        {"note": "a backup"},
    )
    times = {"from": "2026-11-27T10:00:00Z", "to": "2026-11-27T10:30:00Z"}
    yield "post /api/v1/anomalies/missed", "/api/v1/anomalies/missed", {"entity": "web9", **times}
    said = {"kind": "it_was", "fault": "log_flood"}
    yield f"post {one}/feedback", f"/api/v1/incidents/{numbers['escalated']}/feedback", said
    yield "get /api/v1/feedback", "/api/v1/feedback", {}
    yield "get /api/v1/proposals", "/api/v1/proposals", {}
    wanted = {"remediation": "restart_service", "comment": "job 4711"}
    yield (
        f"post {one}/acknowledge",
        f"/api/v1/incidents/{numbers['escalated']}/acknowledge",
        {"comment": "on my way"},
    )
    yield f"post {one}/run", f"/api/v1/incidents/{numbers['escalated']}/run", wanted
    yield f"post {one}/cancel", f"/api/v1/incidents/{numbers['remediating']}/cancel", {}
    yield f"post {one}/approve", f"/api/v1/incidents/{numbers['awaiting']}/approve", {"comment": "seen it"}
    yield f"post {one}/deny", f"/api/v1/incidents/{gallery.awaiting().id}/deny", {"comment": "not now"}
    yield f"post {one}/close", f"/api/v1/incidents/{numbers['held']}/close", {"comment": "known"}
    yield "post /api/v1/pause", "/api/v1/pause", {"for": "2h", "comment": "deploy", "hosts": ["web1"]}
    yield "get /api/v1/windows", "/api/v1/windows", {}
    yield "post /api/v1/resume", "/api/v1/resume", {"id": 1}
    yield from _calls_of_the_platform(gallery)
    yield "post /api/v1/tokens", "/api/v1/tokens", {"person": "jenkins", "scope": "look", "for": "90d"}
    yield "get /api/v1/tokens", "/api/v1/tokens", {}
    (token,) = [one for one in gallery.stores.tokens.list() if one.person == "jenkins"]
    yield "delete /api/v1/tokens/{token_id}", f"/api/v1/tokens/{token.id}", {}
    alert = {"status": "firing", "labels": {"alertname": "HostDown"}, "startsAt": "2026-11-28T03:12:00Z"}
    yield "post /api/v1/alerts", "/api/v1/alerts", {"version": "4", "alerts": [alert]}
    yield "get /api/v1/audit", "/api/v1/audit", {}
    yield "get /api/v1/audit/chain", "/api/v1/audit/chain", {}


def _calls_of_the_platform(gallery: Gallery) -> Iterator[Call]:
    symptoms = [
        {"signal": "filesystem_free_ratio", "value": 0.01},
        {"signal": "filesystem_free_bytes", "value": 1e8},
        {"log": "No space left on device", "lines": 12},
    ]
    reported = {"symptoms": symptoms, "context": _DISK}
    path = "/api/v1/aiops/fault-diagnosis"
    yield f"post {path}", path, reported
    path = "/api/v1/aiops/automated-remediation"
    for host in ("web1", "elsewhere"):  # the agent sees the first, and not the other
        fault = {"fault": "service_down", "entity": f"{host}/nginx.service"}
        if host == "web1":
            gallery.awaiting()
        yield f"post {path}", path, {"diagnosis_result": fault}
    for number in (1, 2):
        yield f"get {path}/{{order_id}}", f"{path}/{number}", {}
    path = "/api/v1/aiops/model-training"
    yield f"post {path}", path, {"kind": "entity"}
    yield f"get {path}", path, {}
    yield f"get {path}/{{training_id}}", f"{path}/1", {}
    yield "post /api/v1/models/{kind}", "/api/v1/models/failures", {"move": "rollback"}


def _tidy(value: Any, now: datetime) -> Any:
    """Return an answer as an example: long lists cut, times told as if it had been recorded on one night."""
    if isinstance(value, dict):
        return {key: "shown this once" if key == "secret" else _tidy(one, now) for key, one in value.items()}
    if isinstance(value, list):
        return [_tidy(one, now) for one in value[:_MOST]]
    if isinstance(value, str) and _TIME.match(value):
        shown = _SHOWN_AT + (datetime.fromisoformat(value) - now)
        return shown.replace(microsecond=0).isoformat().replace("+00:00", "Z")
    return value


def main() -> None:
    """Record what is wanting, and write both files."""
    with tempfile.TemporaryDirectory() as folder:
        gallery = Gallery(Path(folder))
        app = gallery.app()
        with gallery.serving() as url:
            new = record(gallery, url)
        gallery.trainer.stop()
        gallery.stores.close()
    known = json.loads(EXAMPLES.read_text()) if EXAMPLES.exists() else {}
    EXAMPLES.write_text("{}")
    document = document_of(app)
    kept: dict[str, dict[str, Any]] = {}
    for operation, status in answers_of(document):
        old = known.get(operation, {}).get(status)
        wanting = old is None or fits(document, operation, status, old)
        kept.setdefault(operation, {})[status] = new[operation][status] if wanting else old
    EXAMPLES.write_text(json.dumps(kept, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    PUBLISHED.write_text(published(document_of(gallery.app())))


if __name__ == "__main__":
    main()
