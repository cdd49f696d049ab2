"""The agent's own port: who may what, alerts kept before they are acknowledged, nothing else let in."""

import socket
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
import requests

from agent.reasons import Reason
from agent.records import IncidentState
from tests.integration.workshop import TOKEN, Workshop, wait_for, webhook
from tests.servers.process import wait_until

ALERT_RULE = {
    "rules": [
        {
            "id": "broken_by_alert",
            "fault": "broken",
            "entity": "{host}",
            "confidence": 0.95,
            "when": {"alert": "HostBroken"},
            "evidence": "an alert says that {host} is broken",
        }
    ]
}


def agent_with_a_port(workshop, **api):
    """Run an agent that is told by alerts; yields its URL."""
    workshop.write("rules/diagnosis/test.yml", ALERT_RULE)
    verify = {
        "settle": "0s",
        "hold": "0s",
        "within": "3s",
        "checks": [{"query": 'test_healthy{host="{host}"}', "equals": 1}],
    }
    workshop.remediation("mend", [{"name": "T", "ansible.builtin.command": "true"}], verify=verify)
    address = workshop.api()
    workshop.config["api"] |= api
    process = workshop.start()
    try:
        wait_until(lambda: "port opened" in workshop.log(), 60, workshop.log)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def url(workshop):
    """An agent of this test's own."""
    yield from agent_with_a_port(workshop)


@pytest.fixture(scope="module")
def port(tmp_path_factory, prometheus):
    """One agent for all tests that it must survive; wrong tokens are no reason to send them away."""
    shared = Workshop(tmp_path_factory.mktemp("port"), prometheus)
    yield from agent_with_a_port(shared, limits={"failures": 10_000})


@pytest.fixture
def stores(workshop):
    opened = workshop.stores()
    yield opened
    opened.close()


def send(url, path, body=None, token=TOKEN, method="POST", **more):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.request(method, url + path, json=body, headers=headers, timeout=10, **more)


def broken(host="web1", **fields):
    labels = {"alertname": "HostBroken", "instance": f"{host}:9100", **fields.pop("labels", {})}
    return {"labels": labels, "fingerprint": f"f{host}", **fields}


def test_an_alert_is_handled_at_once_and_only_once(url, stores):
    body = webhook(broken())
    # repeats, and a replica's copy
    answers = [send(url, "/api/v1/alerts", body).json()["data"] for _ in range(3)]
    assert [answer["new"] for answer in answers] == [1, 0, 0]
    incident = wait_for(stores, IncidentState.RECOVERED)
    assert incident.entity == "web1"
    assert [symptom.kind for symptom in incident.best.symptoms] == ["alert"]
    assert len(stores.runs.of_incident(incident.id)) == 1


def test_a_resolved_alert_closes_its_symptom(url, stores, workshop):
    workshop.break_host("web1")
    alert = broken(startsAt="2026-01-01T00:00:00Z")
    send(url, "/api/v1/alerts", webhook(alert))
    wait_for(stores, IncidentState.ESCALATED)
    resolved = {**alert, "status": "resolved", "endsAt": "2026-01-01T00:05:00Z"}
    assert send(url, "/api/v1/alerts", webhook(resolved)).json()["data"] == {
        "taken": 1,
        "new": 1,
        "refused": 0,
        "truncated": 0,
    }
    wait_for(stores, IncidentState.CLEARED)


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", TOKEN.upper(), "ünï"])
@pytest.mark.parametrize("path", ["/api/v1/alerts", "/api/v1/incidents/1/approve", "/api/v1/pause"])
def test_without_a_token_nothing(port, path, token):
    headers = {} if token is None else {"Authorization": f"Bearer {token}".encode()}
    answer = requests.post(port + path, json={}, headers=headers, timeout=10)
    assert answer.status_code == 401


def test_deeds_over_the_port(url, stores, workshop):
    assert send(url, "/api/v1/pause", {"comment": "deploy", "for": "1h"}, token="a" * 20).status_code == 200
    send(url, "/api/v1/alerts", webhook(broken()))
    held = wait_for(stores, IncidentState.HELD)
    assert held.reason is Reason.PAUSED
    status = send(url, "/api/v1/status", token="a" * 20, method="GET").json()["data"]
    assert status["paused"]["actor"] == "ann"
    assert (
        send(url, f"/api/v1/incidents/{held.id}/close", {"comment": "x"}, token="b" * 20).status_code == 200
    )
    again = send(url, f"/api/v1/incidents/{held.id}/close", {"comment": "x"}, token="b" * 20)
    assert again.status_code == 403
    assert "closed already" in again.json()["message"]
    assert send(url, "/api/v1/resume", token="a" * 20).json()["data"]["was_paused"] is True
    assert send(url, "/api/v1/incidents/99", token="a" * 20, method="GET").status_code == 404


def test_alertmanager_may_not_what_people_may(port):
    assert send(port, "/api/v1/resume", token=TOKEN).status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not json", 400),
        (b"\xff\xfe", 400),
        (b"[]", 400),
        (b'{"version":"3","alerts":[]}', 400),
        (b'{"version":"4","alerts":{}}', 400),
        (b'{"version":"4","alerts":[{"status":"firing"}]}', 400),
        (b'{"version":"4","alerts":[{"status":"x","labels":{},"startsAt":"2026-01-01T00:00:00Z"}]}', 400),
        (b'{"version":"4","alerts":[{"status":"firing","labels":{"a":1},"startsAt":"now"}]}', 400),
        (
            b'{"version":"4","alerts":[{"status":"firing","labels":{},'
            b'"startsAt":"0001-01-01T00:00:00+14:00"}]}',
            400,
        ),
        (b'{"version":"4","alerts":[' + b"[" * 5000 + b"]" * 5000 + b"]}", 400),
        (b'{"version":"4","alerts":[]}', 200),
    ],
)
def test_what_is_no_webhook_is_refused_with_a_reason(port, body, status):
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    answer = requests.post(f"{port}/api/v1/alerts", data=body, headers=headers, timeout=10)
    assert answer.status_code == status
    if status != 200:
        assert answer.json()["message"]


@pytest.mark.parametrize("path", ["/", "/webhook", "/api/v2/alerts", "/hooks/alertmanager?team=a"])
def test_the_webhook_is_taken_at_any_path(port, path):
    assert send(port, path, webhook(broken("nowhere"))).json()["data"]["taken"] == 1
    assert requests.post(port + path, json=webhook(broken()), timeout=10).status_code == 401
    wrong = send(port, path, {"no": "webhook"})
    assert wrong.status_code == 404
    assert "is no Alertmanager webhook" in wrong.json()["message"]


@pytest.mark.parametrize("user", ["alertmanager", "", "who:ever"])
def test_a_token_may_be_the_password_of_basic_authorization(port, user):
    def post(password):
        login = (user.replace(":", ""), password)
        return requests.post(f"{port}/hook", json=webhook(), auth=login, timeout=10)

    assert post(TOKEN).status_code == 200
    assert post(TOKEN + "x").status_code == 401


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic /w==", "Basic YQ==", "Basic Ojo="])
def test_basic_authorization_that_is_none_lets_nobody_in(port, header):
    answer = requests.post(port + "/hook", json={}, headers={"Authorization": header}, timeout=10)
    assert answer.status_code == 401


def test_a_body_too_large_or_without_length_is_refused(port):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    large = requests.post(f"{port}/api/v1/alerts", data=b"x" * (6 * 1024 * 1024), headers=headers, timeout=20)
    assert large.status_code == 413
    chunked = requests.post(f"{port}/api/v1/alerts", data=iter([b"x"]), headers=headers, timeout=10)
    assert chunked.status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/docs",
        "/openapi.json/../../etc/passwd",
        "/api/v1/incidents/../../../etc/passwd",
        "/%2e%2e/etc/passwd",
        "/api/v1/incidents/1%00",
        "/api/v1/incidents/1;id",
        "/api/v1/incidents/-1",
        "/api/v1/incidents/" + "9" * 400,
    ],
)
def test_paths_that_lead_nowhere_lead_nowhere(port, path):
    assert send(port, path, method="GET").status_code in (400, 404, 422)


def test_raw_nonsense_does_not_take_the_port_down(port):
    place = urlsplit(port)
    junk = (
        b"\x00" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/v1/alerts HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
    )
    for piece in junk:
        with socket.create_connection((place.hostname, place.port), timeout=5) as raw:
            raw.settimeout(2)
            with suppress(OSError):
                raw.sendall(piece)
                raw.recv(1000)
    assert requests.get(f"{port}/healthz", timeout=5).status_code == 200


def test_metrics_say_what_was_done_and_why(url, stores):
    send(url, "/api/v1/alerts", webhook(broken()))
    wait_for(stores, IncidentState.RECOVERED)
    text = requests.get(f"{url}/metrics", timeout=5).text
    assert 'opsmend_verdicts_total{remediation="mend",verdict="recovered"} 1.0' in text
    assert 'opsmend_decisions_total{action="proceed",reason="allowed"} 1.0' in text
    assert "opsmend_polls_total" in text


def test_a_port_in_use_is_said_and_the_agent_lives_on(workshop):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        workshop.api()
        workshop.config["api"]["listen"] = f"127.0.0.1:{taken.getsockname()[1]}"
        process = workshop.start()
        wait_until(lambda: "cannot be used; is another agent there?" in workshop.log(), 60, workshop.log)
        wait_until(lambda: "agent started" in workshop.log(), 60)
        assert process.poll() is None
        process.terminate()
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("ann: short\n", 0o600, "at least 16 characters"),
        ("ann: aaaaaaaaaaaaaaaaaaaa\n", 0o644, "can be read by others"),
        ("- a\n", 0o600, "no mapping"),
    ],
)
def test_a_bad_tokens_file_ends_the_start(workshop, content, mode, said):
    workshop.api()
    file = workshop.folder / "tokens.yml"
    file.write_text(content)
    file.chmod(mode)
    process = workshop.start()
    assert process.wait(timeout=20) == 78
    assert said in workshop.log()
